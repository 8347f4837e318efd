#pragma once

#include <sys/types.h>

#include <string>

#include "qcow/core/error.h"
#include "qcow/storage/unique_fd.h"

namespace qchain::fusefs {

/// A small process that takes the mount away when the serving process ends, however that comes about (SIGTERM, SIGKILL,
/// a crash): by then, that one has given up the right to do so itself.
/// libfuse's own auto_unmount (3.14) is not enough: its helper looks at the mount as root, which an ordinary user's
/// mount does not let in, so it leaves that behind. This one has the user's own rights.
/// It touches nothing unless the mountpoint answers "not connected", so a mount that came there later is safe, and it
/// holds neither images nor locks.
class Watchdog {
 public:
  /// Before mounting. `mountpoint` is absolute.
  [[nodiscard]] static Result<Watchdog> start(const std::string& mountpoint);
  Watchdog(Watchdog&& other) noexcept;
  Watchdog& operator=(Watchdog&&) = delete;
  /// The mount is gone: nothing to look at any more.
  void dismiss() noexcept;
  /// Waits until a dead mount is taken away: after the connection to the kernel is closed.
  ~Watchdog();

 private:
  Watchdog(pid_t process, UniqueFd leash) noexcept : process_(process), leash_(std::move(leash)) {}

  pid_t process_;
  UniqueFd leash_;  ///< write end of a pipe; the kernel closes it when this process dies
};

}  // namespace qchain::fusefs
