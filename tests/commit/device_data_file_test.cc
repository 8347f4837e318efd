// A qcow2 base whose external data file is a block device.
#include <gtest/gtest.h>
#include <sys/statvfs.h>

#include "tests/commit/run_commit.h"
#include "tests/support/files.h"
#include "tests/support/qemu.h"
#include "tests/support/temp_dir.h"
#include "tests/support/views.h"
#include "tests/unit/storage/loop_device.h"

namespace qchain::test {
namespace {

constexpr std::uint64_t disk = 8 << 20;

/// The overlay holds all of the disk, the base nothing yet.
class DeviceDataFile : public testing::Test {
 protected:
  void SetUp() override {
    if (!device.ok()) {
      GTEST_SKIP() << device.reason();
    }
    create_qcow2(base, {.options = "data_file=" + device.path(), .backing = {}, .backing_format = {}, .size = disk});
    create_qcow2(top, {.options = {}, .backing = "base.qcow2", .backing_format = "qcow2", .size = disk});
    qemu_io(top, {"write -P 1 0 8M"});
  }

  static std::string made_file(const std::string& path) {
    make_hole_file(path, disk);
    return path;
  }

  TempDir dir;
  std::string base = dir / "base.qcow2";
  std::string top = dir / "top.qcow2";
  LoopDevice device{made_file(dir / "disk"), LoopDevice::Mode::writable};
};

TEST_F(DeviceDataFile, TakesSpaceForMetadataAlone) {
  const auto plan = run_plan(request_for(top));
  ASSERT_TRUE(plan) << describe(plan.error());
  ASSERT_TRUE(plan->refusals.empty()) << describe(plan->refusals.front());
  EXPECT_GT(plan->new_bytes, 0U);
  EXPECT_LT(plan->new_bytes, disk / 2);
  struct statvfs beside{};
  ASSERT_EQ(::statvfs(base.c_str(), &beside), 0);
  const double free = static_cast<double>(beside.f_bavail * beside.f_frsize);
  EXPECT_NEAR(static_cast<double>(plan->free_bytes), free, free / 10) << "of the image's file system, not of /dev";
}

TEST_F(DeviceDataFile, IsMergedInto) {
  const auto view = qemu_bytes(top);
  const auto report = run_commit(request_for(top));
  ASSERT_TRUE(report) << describe(report.error());
  EXPECT_TRUE(same_bytes(view, qemu_bytes(base)));
}

TEST_F(DeviceDataFile, HasToBeLargeEnough) {
  qemu_img({"resize", "-q", top, "16M"});
  const auto plan = run_plan(request_for(top));
  ASSERT_TRUE(plan) << describe(plan.error());
  ASSERT_FALSE(plan->refusals.empty());
  EXPECT_TRUE(describe(plan->refusals.front()).contains("block device of 8388608 bytes is too small"))
      << describe(plan->refusals.front());
}

}  // namespace
}  // namespace qchain::test
