#include <gtest/gtest.h>

#include "tests/live/support/lab.h"
#include "tests/live/support/session_libvirt.h"
#include "tests/live/support/tested.h"
#include "tests/support/files.h"

namespace qchain::test {
namespace {

class Article : public Lab {};

TEST_F(Article, RunsByQmp) {
  const LiveChain chain(folder().path(), disk_size);
  const auto machine = boot(chain);
  const Tested tested{.target = {"--qmp", machine->qmp()},
                      .guest = &machine->guest(),
                      .folder = folder().path(),
                      .unharmed = [&](const std::string& step) { expect_unharmed(*machine, step); }};
  run_article(tested, "vda[3]");
  EXPECT_EQ(active_file(*machine), chain.file("base"));
  expect_right_on_disk(*machine, chain.file("base"), "raw");
}

class ArticleByLibvirt : public Lab {
 protected:
  void SetUp() override {
    if (!QCHAIN_HAS_LIBVIRT) {
      GTEST_SKIP() << "built without libvirt";
    }
    if (!run({"sh", "-c", "command -v libvirtd virsh"}).ok()) {
      GTEST_SKIP() << "no libvirtd here";
    }
    Lab::SetUp();
  }
};

TEST_F(ArticleByLibvirt, Runs) {
  SessionLibvirt libvirt;
  const std::string base = libvirt.folder() + "/base.raw";
  make_hole_file(base, disk_size);
  Guest guest = libvirt.start(kit(), base, "raw", guest_seed());
  const Tested tested{.target = {"--connect", libvirt.uri(), "--domain", "vm1"},
                      .guest = &guest,
                      .folder = libvirt.folder(),
                      .unharmed = [&](const std::string& step) {
                        expect_unharmed(guest, step);
                        EXPECT_EQ(libvirt.virsh({"domstate", "vm1", "--reason"}), "running (booted)\n\n") << step;
                      }};
  run_article(tested, "vda[5]");  // libvirt never gives an index twice: base 1, a 2, b 3, c 4, d 5
  EXPECT_TRUE(libvirt.virsh({"domblklist", "vm1"}).contains(base));
  const guest::Generation done = guest.pause();
  libvirt.virsh({"destroy", "vm1"});
  expect_right(guest, done, base, "raw");
}

}  // namespace
}  // namespace qchain::test
