#include "fusefs/readiness.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "qcow/storage/unique_fd.h"

namespace qchain::fusefs {
namespace {

// statfs and not stat: the attributes of a file may need its blocks counted first.
bool answers(const std::string& mountpoint) {
  struct statfs facts{};
  int result = 0;
  do {
    result = statfs(mountpoint.c_str(), &facts);
  } while (result != 0 && errno == EINTR);
  return result == 0 && facts.f_type == FUSE_SUPER_MAGIC;
}

// Only the administrator may; for others the kernel's default and the daemon's own read-ahead have to do.
void set_read_ahead(const std::string& mountpoint, std::uint32_t bytes) {
  struct statx facts{};
  if (statx(AT_FDCWD, mountpoint.c_str(), AT_STATX_DONT_SYNC, 0, &facts) != 0) {
    return;
  }
  const std::string knob = fmt::format("/sys/class/bdi/{}:{}/read_ahead_kb", facts.stx_dev_major, facts.stx_dev_minor);
  const UniqueFd file(open(knob.c_str(), O_WRONLY | O_CLOEXEC));
  if (file.valid()) {
    const std::string kib = std::to_string(bytes / 1024);
    [[maybe_unused]] const ssize_t written = write(file.get(), kib.data(), kib.size());
  }
}

/// Blocks every signal in the calling thread for its lifetime; threads started meanwhile inherit that.
class SignalsBlocked {
 public:
  SignalsBlocked() noexcept {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before_);
  }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace

std::jthread watch_readiness(std::string mountpoint, std::uint32_t read_ahead, std::function<void()> on_ready) {
  const SignalsBlocked blocked;
  return std::jthread([mountpoint = std::move(mountpoint), read_ahead, on_ready = std::move(on_ready)] {
    if (answers(mountpoint)) {
      set_read_ahead(mountpoint, read_ahead);
      on_ready();
    }
  });
}

}  // namespace qchain::fusefs
