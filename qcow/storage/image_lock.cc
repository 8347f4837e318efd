#include "qcow/storage/image_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "qcow/storage/lock_holder.h"

namespace qchain {
namespace {

/// Result of one lock call, in the terms that matter here.
enum class LockAnswer : std::uint8_t { free, taken, unsupported };

struct flock one_byte(short type, std::uint64_t first, Permission permission) {
  struct flock lock{};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(first + static_cast<std::uint64_t>(permission));
  lock.l_len = 1;
  return lock;
}

Result<LockAnswer> call(int fd, int command, struct flock& lock) {
  while (::fcntl(fd, command, &lock) != 0) {
    switch (errno) {
      case EINTR:
        continue;
      case EACCES:
      case EAGAIN:
        return LockAnswer::taken;
      case EINVAL:
      case ENOLCK:
      case ENOSYS:
      case EOPNOTSUPP:
        return LockAnswer::unsupported;
      default:
        return fail_errno(errno, "cannot lock", "");
    }
  }
  return command == F_OFD_GETLK && lock.l_type != F_UNLCK ? LockAnswer::taken : LockAnswer::free;
}

/// The worst answer over the bytes of `permissions`; stops at the first that is not `free`.
Result<LockAnswer> call_each(int fd, int command, short type, std::uint64_t first, Permissions permissions) {
  for (const Permission permission : all_permissions) {
    if (permissions.has(permission)) {
      struct flock lock = one_byte(type, first, permission);
      const LockAnswer answer = QC_TRY(call(fd, command, lock));
      if (answer != LockAnswer::free) {
        return answer;
      }
    }
  }
  return LockAnswer::free;
}

Result<LockAnswer> take_and_probe(int fd, Permissions used, Permissions unshared) {
  // All bytes first, then the probes: of two that come at once, at least one sees the other.
  LockAnswer answer = QC_TRY(call_each(fd, F_OFD_SETLK, F_RDLCK, used_lock_byte, used));
  if (answer == LockAnswer::free) {
    answer = QC_TRY(call_each(fd, F_OFD_SETLK, F_RDLCK, unshared_lock_byte, unshared));
  }
  if (answer == LockAnswer::free) {
    answer = QC_TRY(call_each(fd, F_OFD_GETLK, F_WRLCK, unshared_lock_byte, used));
  }
  if (answer == LockAnswer::free) {
    answer = QC_TRY(call_each(fd, F_OFD_GETLK, F_WRLCK, used_lock_byte, unshared));
  }
  return answer;
}

void release(int fd, Permissions used, Permissions unshared) {
  // Nothing can be done about a failure to unlock; the caller closes the descriptor.
  [[maybe_unused]] const auto first = call_each(fd, F_OFD_SETLK, F_UNLCK, used_lock_byte, used);
  [[maybe_unused]] const auto second = call_each(fd, F_OFD_SETLK, F_UNLCK, unshared_lock_byte, unshared);
}

bool overlap(Permissions a, Permissions b) {
  return std::ranges::any_of(all_permissions, [&](Permission p) { return a.has(p) && b.has(p); });
}

std::string who_holds(int fd, Permissions used, Permissions unshared) {
  struct stat status{};
  if (::fstat(fd, &status) == 0) {
    for (const LockHolder& holder : lock_holders({.device = status.st_dev, .inode = status.st_ino})) {
      if (overlap(holder.used, unshared) || overlap(holder.unshared, used)) {
        return fmt::format("{} by {} (pid {})", holder.writes() ? "open for writing" : "in use",
                           printable(holder.command), holder.pid);
      }
    }
  }
  return ::geteuid() == 0 ? "locked by another process" : "locked by another process (run as root to see which)";
}

std::unexpected<Error> conflict(int fd, Permissions used, Permissions unshared) {
  const bool only_reads = !used.has(Permission::write) && !used.has(Permission::resize);
  return std::unexpected(make_error(ErrorKind::locked, who_holds(fd, used, unshared))
                             .advise(only_reads
                                         ? "shut the guest down, or read with -U (what is read may change meanwhile)"
                                         : "shut the guest down or end that process first"));
}

}  // namespace

Result<ImageLock> ImageLock::acquire(int fd, Permissions used, Permissions unshared) {
  const Result<LockAnswer> answer = take_and_probe(fd, used, unshared);
  if (answer && *answer == LockAnswer::free) {
    return ImageLock(used, unshared, true);
  }
  release(fd, used, unshared);
  if (!answer) {
    return std::unexpected(answer.error());
  }
  if (*answer == LockAnswer::unsupported) {
    return ImageLock({}, {}, false);
  }
  return conflict(fd, used, unshared);
}

}  // namespace qchain
