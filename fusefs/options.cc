#include "fusefs/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <string_view>

#include "fusefs/thread_buffer.h"

namespace qchain::fusefs {
namespace {

constexpr std::uint32_t page = 4096;
constexpr std::array handed_on{"allow_other", "allow_root", "default_permissions",
                               "nosuid",      "suid",       "nodev",
                               "dev",         "noexec",     "exec",
                               "noatime",     "atime",      "async",
                               "sync",        "dirsync"};
constexpr std::array handed_on_with_value{"context", "fscontext", "defcontext", "rootcontext"};
constexpr std::array said_already{"ro", "auto_unmount", ""};
constexpr std::string_view known =
    "known: allow_other allow_root default_permissions uid= gid= umask= direct_io max_read= max_readahead= fsname= "
    "subtype= ro auto_unmount, and mount's flags";

struct Option {
  std::string name;
  std::string value;
  bool has_value = false;
};

std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> words(1);
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list[i] == ',') {
      words.emplace_back();
    } else {
      i += list[i] == '\\' && i + 1 < list.size() ? 1 : 0;
      words.back() += list[i];
    }
  }
  return words;
}

Option option_of(const std::string& word) {
  const auto equals = word.find('=');
  if (equals == std::string::npos) {
    return {word, "", false};
  }
  return {word.substr(0, equals), word.substr(equals + 1), true};
}

std::unexpected<Error> bad(const std::string& what) {
  return std::unexpected(make_error(ErrorKind::invalid_argument, what).advise(known));
}

template <typename Number>
Result<Number> number(const Option& option, int base) {
  std::uint64_t value = 0;
  const char* end = option.value.data() + option.value.size();
  const auto [stop, error] = std::from_chars(option.value.data(), end, value, base);
  if (stop != end || stop == option.value.data()) {
    return bad(fmt::format("mount option '{}' needs a number", printable(option.name)));
  }
  constexpr Number most = std::numeric_limits<Number>::max();
  if (error != std::errc{} || value > most) {
    return bad(fmt::format("mount option '{}' is {} at the most", printable(option.name), most));
  }
  return static_cast<Number>(value);
}

Result<std::uint32_t> request_size(const Option& option) {
  const auto bytes = QC_TRY(number<std::uint32_t>(option, 10));
  if (bytes < page || bytes > max_reply || !is_aligned(bytes, page)) {
    return bad(fmt::format("mount option max_read is a multiple of {} up to {}", page, max_reply));
  }
  return bytes;
}

template <std::size_t Size>
bool is_among(const std::array<const char*, Size>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

Result<void> apply_number(const Option& option, MountSettings& settings) {
  if (option.name == "uid") {
    settings.owner.uid = QC_TRY(number<uid_t>(option, 10));
  } else if (option.name == "gid") {
    settings.owner.gid = QC_TRY(number<gid_t>(option, 10));
  } else if (option.name == "umask") {
    settings.owner.umask = QC_TRY(number<mode_t>(option, 8)) & 0777U;
  } else if (option.name == "max_read") {
    settings.max_read = QC_TRY(request_size(option));
  } else if (option.name == "max_readahead") {
    settings.max_readahead = QC_TRY(number<std::uint32_t>(option, 10));
  } else {
    return bad(fmt::format("mount option '{}' is not known", printable(option.name)));
  }
  return {};
}

Result<void> apply_value(const Option& option, MountSettings& settings) {
  if (option.name == "fsname") {
    settings.source = option.value;
  } else if (option.name == "subtype") {
    settings.subtype = option.value;
  } else if (is_among(handed_on_with_value, option.name)) {
    settings.kernel_options.push_back(option.name + "=" + option.value);
  } else {
    return apply_number(option, settings);
  }
  return {};
}

Result<void> apply_flag(const Option& option, MountSettings& settings) {
  if (option.name == "direct_io") {
    settings.caching = Caching::direct;
  } else if (option.name == "rw") {
    return bad("mount option 'rw' can't be had: the view is read-only");
  } else if (is_among(handed_on, option.name)) {
    settings.kernel_options.push_back(option.name);
  } else if (!is_among(said_already, option.name)) {
    return bad(fmt::format("mount option '{}' is not known", printable(option.name)));
  }
  return {};
}

std::string escape(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == ',' || c == '\\') {
      escaped += '\\';
    }
    escaped += c;
  }
  return escaped;
}

}  // namespace

Result<MountSettings> parse_options(std::span<const std::string> lists, MountSettings defaults) {
  MountSettings settings = std::move(defaults);
  for (const std::string& list : lists) {
    for (const std::string& word : split(list)) {
      const Option option = option_of(word);
      auto applied = option.has_value ? apply_value(option, settings) : apply_flag(option, settings);
      if (!applied) {
        return std::unexpected(std::move(applied).error());
      }
    }
  }
  return settings;
}

std::string libfuse_options(const MountSettings& settings) {
  std::string list = fmt::format("ro,max_read={},fsname={},subtype={}", settings.max_read, escape(settings.source),
                                 escape(settings.subtype));
  for (const std::string& option : settings.kernel_options) {
    list += "," + escape(option);
  }
  return list;
}

}  // namespace qchain::fusefs
