#pragma once

#include <optional>
#include <string>

#include "tests/live/support/guest.h"
#include "tests/live/support/monitor.h"
#include "tests/support/child.h"
#include "tests/support/process.h"

namespace qchain::test {

/// What the guest boots from.
struct GuestKit {
  std::string kernel;
  std::string initramfs;
};

/// The kernel's command line; `guest` is what the guest itself reads of it: worker.h.
[[nodiscard]] std::string guest_command_line(const std::string& guest);

struct MachineOptions {
  std::string folder;      ///< for sockets: serial, watch, and qmp for who is tested
  Arguments block;         ///< QEMU's arguments that make the disk's nodes
  std::string node = "c";  ///< the disk's active node
  std::string guest;       ///< for guest_command_line()
};

/// QEMU with the test guest on one disk (device id vda), emulated: no KVM. Ends with this object, however the test
/// ends.
class VirtualMachine {
 public:
  /// Returns when the guest works.
  VirtualMachine(const GuestKit& kit, const MachineOptions& options);

  [[nodiscard]] Guest& guest() noexcept { return *guest_; }
  [[nodiscard]] Monitor& monitor() noexcept { return *monitor_; }
  [[nodiscard]] pid_t pid() const noexcept { return process_.pid(); }
  /// The socket of the monitor that is free for qchain.
  [[nodiscard]] const std::string& qmp() const noexcept { return qmp_; }

  void send(int signal) const { process_.send(signal); }
  /// As power that fails for QEMU alone: what it has written to files stays, what it keeps in memory is gone.
  void kill();
  /// An orderly end: all is in the files.
  void quit();

 private:
  std::string qmp_;
  LineListener serial_;
  LineListener watch_;
  Child process_;
  std::optional<Guest> guest_;
  std::optional<Monitor> monitor_;
};

}  // namespace qchain::test
