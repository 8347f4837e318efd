#include <gtest/gtest.h>
#include <sys/resource.h>

#include "tests/commit/run_commit.h"
#include "tests/support/files.h"
#include "tests/support/page_cache.h"
#include "tests/support/qemu.h"
#include "tests/support/temp_dir.h"

namespace qchain::test {
namespace {

constexpr std::uint64_t mib = 1 << 20;
constexpr std::uint64_t written = 16 * mib;

std::uint64_t bytes_from_the_disk() {
  struct rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_inblock) * 512;
}

/// base.raw, 32 MiB <- top.qcow2 with 16 MiB of data.
class LayersInMemory : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_a_disk_below(dir_.path())) {
      GTEST_SKIP() << dir_.path() << " is on a tmpfs, which is nothing but page cache";
    }
    write_file(base_, telling_bytes(32 * mib, 1));
    create_overlay(top_, "base.raw", "raw");
    qemu_io(top_, {"write -P 7 8M 16M"});
    drop_from_cache(base_);
    drop_from_cache(top_);
  }

  /// Bytes that a commit takes from the disk.
  std::uint64_t commit_all() const {
    const std::uint64_t before = bytes_from_the_disk();
    const auto report = run_commit(request_for(top_));
    EXPECT_TRUE(report) << describe(report.error());
    return bytes_from_the_disk() - before;
  }

  TempDir dir_;
  std::string base_ = dir_ / "base.raw";
  std::string top_ = dir_ / "top.qcow2";
};

TEST_F(LayersInMemory, AreNotReadFromTheDisk) {
  EXPECT_GT(read_file(top_).size(), written);
  EXPECT_LT(commit_all(), written / 4);
  EXPECT_TRUE(run({"qemu-img", "compare", "-q", "-f", "raw", "-F", "qcow2", base_, top_}).ok());
}

TEST_F(LayersInMemory, AreWhatTheyAreWhenNotWrittenBackYet) {
  EXPECT_GT(read_file(top_).size(), written);
  qemu_io(top_, {"write -P 9 8M 16M"});  // through the cache
  EXPECT_LT(commit_all(), written / 4);
  EXPECT_TRUE(run({"qemu-img", "compare", "-q", "-f", "raw", "-F", "qcow2", base_, top_}).ok());
}

TEST_F(LayersInMemory, WhenTheyAreNotThereThePageCacheStaysAsItIs) {
  EXPECT_GE(commit_all(), written);
  EXPECT_LT(cached_share(top_, file_size(top_)), 0.25);
}

}  // namespace
}  // namespace qchain::test
