#include "fusefs/session.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <thread>
#include <utility>

#include "fusefs/fuse_api.h"
#include "fusefs/readiness.h"
#include "fusefs/stderr_capture.h"

namespace qchain::fusefs {
namespace {

/// Words as on a command line, for libfuse to take what it knows.
class FuseWords {
 public:
  FuseWords() = default;
  FuseWords(const FuseWords&) = delete;
  FuseWords& operator=(const FuseWords&) = delete;
  ~FuseWords() { fuse_opt_free_args(&words_); }

  [[nodiscard]] bool add(const std::string& word) { return fuse_opt_add_arg(&words_, word.c_str()) == 0; }
  [[nodiscard]] fuse_args* get() noexcept { return &words_; }

 private:
  fuse_args words_{0, nullptr, 0};
};

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
bool take_one(fuse_session* session, std::atomic<int>& failure) {
  thread_local RequestBuffer buffer;
  const int received = fuse_session_receive_buf(session, buffer.get());
  if (received > 0) {
    fuse_session_process_buf(session, buffer.get());
  } else if (received < 0 && received != -EINTR) {
    failure = -received;
    fuse_session_exit(session);
  }
  return fuse_session_exited(session) == 0;
}

std::unexpected<Error> mount_failed(const std::string& said, const std::string& mountpoint) {
  if (access("/dev/fuse", F_OK) != 0) {
    return std::unexpected(make_error(ErrorKind::io, "can't mount: /dev/fuse is missing")
                               .in(mountpoint)
                               .advise("load the kernel's fuse module (modprobe fuse)"));
  }
  return std::unexpected(
      make_error(ErrorKind::io, said.empty() ? "can't mount" : "can't mount: " + said).in(mountpoint));
}

/// The kernel says so of a connection whose mount is gone.
bool is_cut(int connection) {
  pollfd answer{.fd = connection, .events = 0, .revents = 0};
  return poll(&answer, 1, 0) == 1 && (answer.revents & POLLERR) != 0;
}

// Unmounting means to start a program or to have rights, and a sandbox has neither: libfuse leaves alone what is cut.
// The write end of a pipe that nobody reads looks so, and takes the connection's place.
void cut(int connection) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) == 0) {
    close(ends[0]);
    dup3(ends[1], connection, O_CLOEXEC);
    close(ends[1]);
  }
}

Result<void> answer(fuse_session* session, Crew& crew, const std::string& mountpoint) {
  const SignalsKept signals;
  std::atomic<int> failure = 0;
  const auto say_so = [main = ::pthread_self()] { ::pthread_kill(main, SIGUSR1); };
  QC_TRY(crew.start([session, &failure] { return take_one(session, failure); }, say_so));
  while (fuse_session_exited(session) == 0) {
    signals.wait_for_one();
  }
  crew.stop();
  if (failure != 0) {
    return fail_errno(failure, "the mount ended", mountpoint);
  }
  return {};
}

}  // namespace

void Session::Destroy::operator()(fuse_session* session) const noexcept {
  fuse_session_unmount(session);
  fuse_session_destroy(session);
}

Result<Session> Session::mount(RequestContext& context, const MountSettings& settings, const std::string& mountpoint) {
  FuseWords words;
  if (!words.add("qchain") || !words.add("-o") || !words.add(libfuse_options(settings))) {
    return fail_errno(ENOMEM, "can't mount", mountpoint);
  }
  const fuse_lowlevel_ops operations = make_operations();
  const StderrCapture capture = QC_TRY(StderrCapture::start());
  Handle handle(fuse_session_new(words.get(), &operations, sizeof operations, &context));
  if (!handle || fuse_session_mount(handle.get(), mountpoint.c_str()) != 0) {
    return mount_failed(capture.text(), mountpoint);
  }
  return Session(std::move(handle), mountpoint, settings.max_readahead);
}

Result<void> Session::run(Crew& crew, const Steps& steps) {
  if (fuse_set_signal_handlers(handle_.get()) != 0) {
    return std::unexpected(make_error(ErrorKind::io, "can't set signal handlers").in(mountpoint_));
  }
  const std::jthread readiness = watch_readiness(mountpoint_, read_ahead_, steps.on_ready);
  auto ended = steps.prepare();
  if (ended) {
    ended = answer(handle_.get(), crew, mountpoint_);
  }
  steps.finish();
  fuse_remove_signal_handlers(handle_.get());
  was_unmounted_ = is_cut(fuse_session_fd(handle_.get()));
  cut(fuse_session_fd(handle_.get()));  // wakes the readiness thread if it still waits for an answer
  return ended;
}

}  // namespace qchain::fusefs
