#pragma once

#include <optional>
#include <string>

#include "tests/live/support/lab.h"
#include "tests/live/support/session_libvirt.h"
#include "tests/live/support/tested.h"

namespace qchain::test {

/// The guest as a domain "vm1" of a libvirtd of our own, on base.raw alone. Skipped where there is no libvirtd.
class LibvirtLab : public Lab {
 protected:
  void SetUp() override;

  [[nodiscard]] SessionLibvirt& libvirt() noexcept { return *libvirt_; }
  [[nodiscard]] Guest& guest() noexcept { return *guest_; }
  [[nodiscard]] std::string file(const std::string& name) const { return libvirt_->folder() + "/" + name; }
  [[nodiscard]] Tested tested();

  /// Ends the domain, and compares `image` with what the guest did.
  void expect_right_at_the_end(const std::string& image, const std::string& format);

  SessionLibvirt::Disks disks_ = SessionLibvirt::Disks::one;  ///< before SetUp()

 private:
  std::optional<SessionLibvirt> libvirt_;
  std::optional<Guest> guest_;
};

}  // namespace qchain::test
