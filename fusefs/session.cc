#include "fusefs/session.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <thread>
#include <utility>

#include "fusefs/answering.h"
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
    ended = answer_requests(*handle_, crew, mountpoint_);
  }
  steps.finish();
  fuse_remove_signal_handlers(handle_.get());
  was_unmounted_ = is_cut(fuse_session_fd(handle_.get()));
  cut(fuse_session_fd(handle_.get()));  // wakes the readiness thread if it still waits for an answer
  return ended;
}

}  // namespace qchain::fusefs
