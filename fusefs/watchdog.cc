#include "fusefs/watchdog.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <utility>

#include "fusefs/streams.h"

namespace qchain::fusefs {
namespace {

constexpr int leash_number = STDERR_FILENO + 1;

// Everything from here to watch() runs in a forked child that may have been one of several threads: system calls only.

void let_go_of_everything_but(int leash) {
  setsid();
  [[maybe_unused]] const int moved = chdir("/");
  prctl(PR_SET_NAME, "qchain-watchdog");
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, nullptr);
  to_dev_null({STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO});
  if (leash != leash_number) {
    dup2(leash, leash_number);
  }
  close_range(leash_number + 1, ~0U, 0);
  fcntl(leash_number, F_SETFD, FD_CLOEXEC);
}

enum class Ending : std::uint8_t { orderly, sudden };

// An orderly end is announced by a byte: looking at the mountpoint then would only be in the way of who mounts it next.
Ending wait_for_end_of(int leash) {
  char word = 0;
  ssize_t count = 0;
  do {
    count = read(leash, &word, 1);
  } while (count < 0 && errno == EINTR);
  return count > 0 ? Ending::orderly : Ending::sudden;
}

// A request that was on its way when the connection broke is aborted; later ones find it not connected.
bool is_dead(const char* mountpoint) {
  struct statfs facts{};
  return statfs(mountpoint, &facts) != 0 && (errno == ENOTCONN || errno == ECONNABORTED);
}

[[noreturn]] void watch(const char* mountpoint, int leash) {
  let_go_of_everything_but(leash);
  if (wait_for_end_of(leash_number) == Ending::sudden && is_dead(mountpoint) &&
      umount2(mountpoint, MNT_DETACH | UMOUNT_NOFOLLOW) != 0) {
    execlp("fusermount3", "fusermount3", "-u", "-q", "-z", "--", mountpoint, static_cast<char*>(nullptr));
  }
  _exit(0);
}

}  // namespace

Result<Watchdog> Watchdog::start(const std::string& mountpoint) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    return fail_errno(errno, "can't make a pipe", "");
  }
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  const pid_t process = fork();
  if (process < 0) {
    return fail_errno(errno, "can't start the watchdog process", "");
  }
  if (process == 0) {
    watch(mountpoint.c_str(), read_end.get());
  }
  return Watchdog(process, std::move(write_end));
}

Watchdog::Watchdog(Watchdog&& other) noexcept
    : process_(std::exchange(other.process_, -1)), leash_(std::move(other.leash_)) {}

void Watchdog::dismiss() noexcept {
  [[maybe_unused]] const ssize_t told = write(leash_.get(), "", 1);
}

Watchdog::~Watchdog() {
  if (process_ > 0) {
    leash_ = UniqueFd();
    while (waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
}

}  // namespace qchain::fusefs
