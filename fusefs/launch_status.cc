#include "fusefs/launch_status.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <vector>

namespace qchain::fusefs {
namespace {

constexpr std::string_view ready = "R";
constexpr std::size_t fields = 6;

std::vector<std::string> split_at_nul(std::string_view message) {
  std::vector<std::string> parts(1);
  for (const char c : message) {
    if (c == '\0') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

template <typename Number>
Number number(const std::string& text) {
  Number value{};
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::string without_nul(std::string text) {
  std::erase(text, '\0');
  return text;
}

}  // namespace

std::string encode(const Error& error) {
  const std::array<std::string, fields> parts{std::to_string(static_cast<unsigned>(error.kind)),
                                              std::to_string(error.os_error),
                                              error.offset ? std::to_string(*error.offset) : "",
                                              error.what,
                                              error.path,
                                              error.advice};
  std::string message;
  for (const std::string& part : parts) {
    message += without_nul(part) + '\0';
  }
  return message;
}

Error decode(std::string_view message) {
  std::vector<std::string> parts = split_at_nul(message);
  if (parts.size() <= fields) {
    return make_error(ErrorKind::io, "the serving process ended before the mount was usable");
  }
  Error error = make_error(static_cast<ErrorKind>(number<unsigned>(parts[0])), parts[3]);
  error.os_error = number<int>(parts[1]);
  if (!parts[2].empty()) {
    error.offset = number<std::uint64_t>(parts[2]);
  }
  error.path = std::move(parts[4]);
  error.advice = std::move(parts[5]);
  return error;
}

Result<LaunchStatus> LaunchStatus::make() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    return fail_errno(errno, "can't make a pipe", "");
  }
  return LaunchStatus(UniqueFd(ends[0]), UniqueFd(ends[1]));
}

bool LaunchStatus::tell_ready() {
  return send(ready);
}

bool LaunchStatus::tell(const Error& error) {
  return send(encode(error));
}

bool LaunchStatus::send(std::string_view message) {
  read_end_ = UniqueFd();
  while (!message.empty()) {
    const ssize_t count = write(write_end_.get(), message.data(), message.size());
    if (count < 0 && errno != EINTR) {
      return false;
    }
    message.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  }
  write_end_ = UniqueFd();
  return true;
}

Result<void> LaunchStatus::wait() {
  write_end_ = UniqueFd();
  std::string message;
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t count = read(read_end_.get(), buffer.data(), buffer.size());
    if (count > 0) {
      message.append(buffer.data(), static_cast<std::size_t>(count));
    } else if (count == 0 || errno != EINTR) {
      break;
    }
  }
  if (message == ready) {
    return {};
  }
  return std::unexpected(decode(message));
}

}  // namespace qchain::fusefs
