#include "fusefs/answering.h"

#include <poll.h>
#include <signal.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>

#include "fusefs/fuse_api.h"

namespace qchain::fusefs {
namespace {

/// Signals that end the mount, and the one that says that it has ended, come to nobody for its lifetime; threads that
/// are started meanwhile inherit that.
class SignalsKept {
 public:
  SignalsKept() noexcept {
    sigset_t kept;
    ::sigemptyset(&kept);
    for (const int signal : {SIGHUP, SIGINT, SIGTERM, SIGUSR1}) {
      ::sigaddset(&kept, signal);
    }
    ::pthread_sigmask(SIG_BLOCK, &kept, &before_);
    while_waiting_ = before_;
    ::sigdelset(&while_waiting_, SIGUSR1);
  }
  SignalsKept(const SignalsKept&) = delete;
  SignalsKept& operator=(const SignalsKept&) = delete;
  ~SignalsKept() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  /// Waits for one of them, and has it handled: also for one that came before.
  void wait_for_one() const noexcept { ::ppoll(nullptr, 0, nullptr, &while_waiting_); }

 private:
  sigset_t before_{};
  sigset_t while_waiting_{};
};

/// A buffer that libfuse allocates at the first request, for each thread.
class RequestBuffer {
 public:
  RequestBuffer() = default;
  RequestBuffer(const RequestBuffer&) = delete;
  RequestBuffer& operator=(const RequestBuffer&) = delete;
  ~RequestBuffer() { std::free(buffer_.mem); }  // NOLINT(cppcoreguidelines-no-malloc): libfuse did
  [[nodiscard]] fuse_buf* get() noexcept { return &buffer_; }

 private:
  fuse_buf buffer_{};
};

/// False where there are no more. `failure`: errno, where they could not be had.
bool take_one(fuse_session& session, std::atomic<int>& failure) {
  thread_local RequestBuffer buffer;
  const int received = fuse_session_receive_buf(&session, buffer.get());
  if (received > 0) {
    fuse_session_process_buf(&session, buffer.get());
  } else if (received < 0 && received != -EINTR) {
    failure = -received;
    fuse_session_exit(&session);
  }
  return fuse_session_exited(&session) == 0;
}

}  // namespace

Result<void> answer_requests(fuse_session& session, Crew& crew, const std::string& mountpoint) {
  const SignalsKept signals;
  std::atomic<int> failure = 0;
  const auto say_so = [main = ::pthread_self()] { ::pthread_kill(main, SIGUSR1); };
  QC_TRY(crew.start([&] { return take_one(session, failure); }, say_so));
  while (fuse_session_exited(&session) == 0) {
    signals.wait_for_one();
  }
  crew.stop();
  if (failure != 0) {
    return fail_errno(failure, "the mount ended", mountpoint);
  }
  return {};
}

}  // namespace qchain::fusefs
