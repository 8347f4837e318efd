#include "qcow/storage/lock_holder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>

namespace qchain {
namespace {

struct CloseFolder {
  void operator()(DIR* folder) const noexcept { ::closedir(folder); }
};

template <typename T>
std::optional<T> number_in(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

/// Numeric names in a folder of /proc, in order; empty where it may not be read or the process has ended.
std::vector<pid_t> numbers_in(const std::string& path) {
  std::vector<pid_t> numbers;
  const std::unique_ptr<DIR, CloseFolder> folder(::opendir(path.c_str()));
  while (const dirent* entry = folder ? ::readdir(folder.get()) : nullptr) {
    if (const auto number = number_in<pid_t>(entry->d_name)) {
      numbers.push_back(*number);
    }
  }
  std::ranges::sort(numbers);
  return numbers;
}

/// By what the kernel knows already: a file of somebody else's may lie on a server that does not answer.
std::optional<FileIdentity> opened_as(const std::string& process, pid_t fd) {
  const std::string link = process + "/fd/" + std::to_string(fd);
  struct statx facts{};
  if (::statx(AT_FDCWD, link.c_str(), AT_STATX_DONT_SYNC, STATX_INO, &facts) != 0) {
    return std::nullopt;
  }
  return FileIdentity{.device = makedev(facts.stx_dev_major, facts.stx_dev_minor), .inode = facts.stx_ino};
}

bool add_locks_of(const std::string& process, pid_t fd, LockHolder& holder) {
  std::ifstream lines(process + "/fdinfo/" + std::to_string(fd));
  bool found = false;
  for (std::string line; std::getline(lines, line);) {
    found |= add_lock_line(line, holder);
  }
  return found;
}

std::string command_of(const std::string& process) {
  std::ifstream file(process + "/comm", std::ios::binary);
  // Not by istreambuf_iterator: that throws when the process ends while it is being read.
  std::string command;
  std::getline(file, command, '\0');
  if (command.ends_with('\n')) {
    command.pop_back();
  }
  return command.empty() ? "?" : command;
}

struct IdentityOrder {
  bool operator()(const FileIdentity& a, const FileIdentity& b) const noexcept {
    return std::pair(a.device, a.inode) < std::pair(b.device, b.inode);
  }
};
/// Where the answer for a file goes.
using Places = std::multimap<FileIdentity, std::size_t, IdentityOrder>;

/// What one process holds, by the file's place.
std::map<std::size_t, LockHolder> held_by(pid_t pid, const Places& places) {
  const std::string process = "/proc/" + std::to_string(pid);
  std::map<std::size_t, LockHolder> held;
  for (const pid_t fd : numbers_in(process + "/fd")) {
    const auto file = opened_as(process, fd);
    const auto [first, last] = file ? places.equal_range(*file) : std::pair(places.end(), places.end());
    for (auto place = first; place != last; ++place) {
      LockHolder holder = held.contains(place->second) ? held.at(place->second) : LockHolder{};
      // The lock's own device number is not compared: some file systems (btrfs) show another one in stat.
      if (add_locks_of(process, fd, holder)) {
        held[place->second] = holder;
      }
    }
  }
  for (auto& [place, holder] : held) {
    holder.pid = pid;
    holder.command = command_of(process);
  }
  return held;
}

}  // namespace

// The words of a line: "lock:" id kind "ADVISORY" READ|WRITE pid major:minor:inode first-byte last-byte|EOF
bool add_lock_line(std::string_view line, LockHolder& holder) {
  if (!line.starts_with("lock:")) {
    return false;
  }
  std::istringstream words{std::string(line)};
  const std::vector<std::string> fields(std::istream_iterator<std::string>(words),
                                        std::istream_iterator<std::string>{});
  if (fields.size() != 9 || (fields[2] != "OFDLCK" && fields[2] != "POSIX")) {
    return false;
  }
  const auto first = number_in<std::uint64_t>(fields[7]);
  const auto last = fields[8] == "EOF" ? UINT64_MAX : number_in<std::uint64_t>(fields[8]);
  if (!first || !last) {
    return false;
  }
  bool found = false;
  for (const Permission permission : all_permissions) {
    const auto covers = [&](std::uint64_t base) {
      const std::uint64_t byte = base + static_cast<std::uint64_t>(permission);
      return *first <= byte && byte <= *last;
    };
    if (covers(used_lock_byte)) {
      holder.used.add(permission);
      found = true;
    }
    if (covers(unshared_lock_byte)) {
      holder.unshared.add(permission);
      found = true;
    }
  }
  return found;
}

std::vector<std::vector<LockHolder>> lock_holders(std::span<const FileIdentity> files) {
  Places places;
  for (std::size_t i = 0; i < files.size(); ++i) {
    places.emplace(files[i], i);
  }
  std::vector<std::vector<LockHolder>> holders(files.size());
  for (const pid_t pid : numbers_in("/proc")) {
    if (pid == ::getpid()) {
      continue;
    }
    for (auto& [place, holder] : held_by(pid, places)) {
      holders[place].push_back(std::move(holder));
    }
  }
  return holders;
}

std::vector<LockHolder> lock_holders(FileIdentity file) {
  return lock_holders(std::span(&file, 1)).front();
}

}  // namespace qchain
