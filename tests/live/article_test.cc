#include <gtest/gtest.h>

#include "tests/live/support/libvirt_lab.h"

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

class ArticleByLibvirt : public LibvirtLab {
 protected:
  void SetUp() override {
    if (!QCHAIN_HAS_LIBVIRT) {
      GTEST_SKIP() << "built without libvirt";
    }
    LibvirtLab::SetUp();
  }
};

TEST_F(ArticleByLibvirt, Runs) {
  run_article(tested(), "vda[5]");  // libvirt never gives an index twice: base 1, a 2, b 3, c 4, d 5
  EXPECT_TRUE(libvirt().virsh({"domblklist", "vm1"}).contains(file("base.raw")));
  expect_right_at_the_end(file("base.raw"), "raw");
}

}  // namespace
}  // namespace qchain::test
