#include <gtest/gtest.h>

#include <filesystem>

#include "qcow/copy/copy_to_file.h"
#include "tests/support/files.h"
#include "tests/support/process.h"
#include "tests/support/qemu.h"
#include "tests/support/temp_dir.h"
#include "tests/support/views.h"

namespace qchain {
namespace {

/// A small XFS with shared blocks, mounted on a loop device.
class ReflinkTest : public ::testing::Test {
 protected:
  void SetUp() override {
    test::make_hole_file(folder_ / "xfs.img", std::uint64_t{400} << 20);
    std::filesystem::create_directory(mount_);
    const auto made = test::run({"mkfs.xfs", "-q", "-m", "reflink=1", folder_ / "xfs.img"});
    if (!made.ok()) {
      GTEST_SKIP() << "no mkfs.xfs: " << made.err;
    }
    const auto mounted = test::run({"mount", "-o", "loop", folder_ / "xfs.img", mount_});
    if (!mounted.ok()) {
      GTEST_SKIP() << "no XFS can be mounted here: " << mounted.err;
    }
    mounted_ = true;
    make_chain();
  }
  void TearDown() override {
    if (mounted_) {
      test::must_run({"umount", mount_});
    }
  }

  void make_chain() {
    test::make_hole_file(mount_ + "/base.raw", 16 << 20);
    test::qemu_io(mount_ + "/base.raw", {"write -P 1 0 8M"}, "raw");
    test::create_overlay(image_, mount_ + "/base.raw", "raw");
    test::qemu_io(image_, {"write -P 2 3M 1M", "write -P 3 5000k 3k", "write -c -P 4 9M 64k"});
  }

  Result<CopyTotals> copy(ImageFormat format) {
    const auto view = QC_TRY(test::open_view(image_));
    return copy_to_file(*view, {.path = out_, .format = format, .existing = {}}, {});
  }

  test::TempDir folder_;
  std::string mount_ = folder_ / "mnt";
  std::string image_ = mount_ + "/top.qcow2";
  std::string out_ = mount_ + "/out";
  bool mounted_ = false;
};

TEST_F(ReflinkTest, RawSharesBlocksOfTheLayers) {
  const auto totals = copy(ImageFormat::raw);
  ASSERT_TRUE(totals) << describe(totals.error());
  EXPECT_EQ(totals->cloned, 8U << 20);
  EXPECT_EQ(totals->copied, 65536U) << "the compressed cluster";
  EXPECT_TRUE(test::same_bytes(test::qemu_bytes(image_), test::read_file(out_)));
}

TEST_F(ReflinkTest, Qcow2SharesBlocksOfTheLayers) {
  const auto totals = copy(ImageFormat::qcow2);
  ASSERT_TRUE(totals) << describe(totals.error());
  EXPECT_EQ(totals->cloned, 8U << 20);
  EXPECT_TRUE(test::same_bytes(test::qemu_bytes(image_), test::qemu_bytes(out_)));
  EXPECT_EQ(test::run({"qemu-img", "check", out_}).status, 0);
}

TEST_F(ReflinkTest, OnlyTheBlocksAroundAnOddBorderAreCopied) {
  image_ = mount_ + "/odd.qcow2";
  test::create_overlay(image_, mount_ + "/base.raw", "raw", "cluster_size=512");
  test::qemu_io(image_, {"write -P 5 " + std::to_string((3 << 20) + 512) + " 512"});
  const auto totals = copy(ImageFormat::raw);
  ASSERT_TRUE(totals) << describe(totals.error());
  EXPECT_EQ(totals->copied, 4096U);
  EXPECT_EQ(totals->cloned, (8U << 20) - 4096);
  EXPECT_TRUE(test::same_bytes(test::qemu_bytes(image_), test::read_file(out_)));
}

TEST_F(ReflinkTest, OutputDoesNotChangeWithItsSource) {
  ASSERT_TRUE(copy(ImageFormat::raw));
  const auto before = test::read_file(out_);
  test::qemu_io(image_, {"write -P 9 3M 1M"});
  EXPECT_TRUE(test::same_bytes(before, test::read_file(out_)));
}

TEST_F(ReflinkTest, OtherFileSystemGetsACopy) {
  out_ = folder_ / "out";
  const auto totals = copy(ImageFormat::raw);
  ASSERT_TRUE(totals) << describe(totals.error());
  EXPECT_EQ(totals->cloned, 0U);
  EXPECT_TRUE(test::same_bytes(test::qemu_bytes(image_), test::read_file(out_)));
}

}  // namespace
}  // namespace qchain
