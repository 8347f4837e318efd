#include "fusefs/daemon.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "fusefs/launch_status.h"
#include "fusefs/streams.h"

namespace qchain::fusefs {
namespace {

constexpr int exit_error = 2;

void reap(pid_t child) {
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
}

int serve_as_child(const std::function<Result<void>(const OnReady&)>& work, LaunchStatus& status) {
  setsid();
  [[maybe_unused]] const int moved = chdir("/");
  to_dev_null({STDIN_FILENO, STDOUT_FILENO});
  const auto done = work([&status] {
    to_dev_null({STDERR_FILENO});
    return status.tell_ready();
  });
  if (!done) {
    status.tell(done.error());
  }
  return done ? 0 : exit_error;
}

}  // namespace

Result<pid_t> run_in_background(const std::function<Result<void>(const OnReady&)>& work) {
  LaunchStatus status = QC_TRY(LaunchStatus::make());
  const pid_t child = fork();
  if (child < 0) {
    return fail_errno(errno, "can't start the serving process", "");
  }
  if (child == 0) {
    _exit(serve_as_child(work, status));  // the streams and the caller's objects are the parent's to flush and destroy
  }
  if (auto ready = status.wait(); !ready) {
    reap(child);
    return std::unexpected(std::move(ready).error());
  }
  return child;
}

}  // namespace qchain::fusefs
