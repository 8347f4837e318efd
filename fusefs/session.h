#pragma once

#include <functional>
#include <memory>
#include <string>

#include "fusefs/operations.h"
#include "fusefs/options.h"

struct fuse_session;

namespace qchain::fusefs {

/// A mount and the threads that answer for it. libfuse's signal handlers are the process's, so there is one at a time.
class Session {
 public:
  /// Mounts; nothing is answered yet. `context` outlives the session. Errors: permission, io, with the words of libfuse
  /// and fusermount3.
  [[nodiscard]] static Result<Session> mount(RequestContext& context, const MountSettings& settings,
                                             const std::string& mountpoint);

  struct Steps {
    /// Before the first request: no thread that it starts, and nothing after it, opens a file or starts a process.
    std::function<Result<void>()> prepare;
    std::function<void()> on_ready;  ///< requests are answered; called from another thread
    std::function<void()> finish;    ///< after the last request, while there still is somebody to answer
  };
  /// Answers requests by `crew` until the mount is taken away or SIGTERM, SIGINT or SIGHUP arrives. The kernel's
  /// connection is closed at the end: where the mount was not taken away (was_unmounted()), a dead one is left for the
  /// Watchdog. Errors: io, those of `prepare`.
  [[nodiscard]] Result<void> run(Crew& crew, const Steps& steps);
  [[nodiscard]] bool was_unmounted() const noexcept { return was_unmounted_; }

 private:
  struct Destroy {
    void operator()(fuse_session* session) const noexcept;
  };
  using Handle = std::unique_ptr<fuse_session, Destroy>;

  Session(Handle handle, std::string mountpoint, std::uint32_t read_ahead)
      : handle_(std::move(handle)), mountpoint_(std::move(mountpoint)), read_ahead_(read_ahead) {}

  Handle handle_;
  std::string mountpoint_;
  std::uint32_t read_ahead_;  ///< bytes
  bool was_unmounted_ = false;
};

}  // namespace qchain::fusefs
