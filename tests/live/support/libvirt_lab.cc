#include "tests/live/support/libvirt_lab.h"

#include "tests/support/files.h"

namespace qchain::test {

void LibvirtLab::SetUp() {
  if (!run({"sh", "-c", "command -v libvirtd virsh"}).ok()) {
    GTEST_SKIP() << "no libvirtd here";
  }
  Lab::SetUp();
  if (IsSkipped() || HasFatalFailure()) {
    return;
  }
  libvirt_.emplace();
  make_hole_file(file("base.raw"), disk_size);
  guest_.emplace(libvirt_->start(kit(), file("base.raw"), "raw", guest_seed(), disks_));
}

Tested LibvirtLab::tested() {
  return {.target = {"--connect", libvirt_->uri(), "--domain", "vm1"},
          .guest = &*guest_,
          .folder = libvirt_->folder(),
          .unharmed = [this](const std::string& step) {
            expect_unharmed(*guest_, step);
            EXPECT_EQ(libvirt_->virsh({"domstate", "vm1", "--reason"}), "running (booted)\n\n") << step;
          }};
}

void LibvirtLab::expect_right_at_the_end(const std::string& image, const std::string& format) {
  const guest::Generation done = guest_->pause();
  libvirt_->virsh({"destroy", "vm1"});
  expect_right(*guest_, done, image, format);
}

}  // namespace qchain::test
