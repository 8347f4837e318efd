#pragma once

#include <optional>
#include <string>

#include "tests/live/support/virtual_machine.h"
#include "tests/support/child.h"
#include "tests/support/temp_dir.h"

namespace qchain::test {

/// A libvirtd of our own for "qemu:///session", as an unprivileged user where the test is root, with all its files in
/// one folder. It ends with this object, and its domains with it.
class SessionLibvirt {
 public:
  /// std::runtime_error where it can't be started.
  SessionLibvirt();
  ~SessionLibvirt();
  SessionLibvirt(const SessionLibvirt&) = delete;
  SessionLibvirt& operator=(const SessionLibvirt&) = delete;

  [[nodiscard]] std::string uri() const;
  /// Where images have to lie.
  [[nodiscard]] const std::string& folder() const noexcept { return dir_.path(); }
  /// virsh with this connection; must succeed. Returns what it printed.
  std::string virsh(const Arguments& words) const;
  /// Gives a file to the user that QEMU runs as.
  void own(const std::string& file) const;

  enum class Disks : std::uint8_t {
    one,
    another_beside,  ///< vdb, of a format that is not ours
  };
  /// Starts the domain "vm1" with the test guest on a disk vda, and returns when the guest works.
  Guest start(const GuestKit& kit, const std::string& image, const std::string& format, const std::string& guest,
              Disks disks = Disks::one);
  void send(int signal) const { daemon_->send(signal); }
  /// After the daemon was killed: a new one takes over the domains that run.
  void restart();

 private:
  void launch();

  TempDir dir_;
  std::optional<Child> daemon_;
};

}  // namespace qchain::test
