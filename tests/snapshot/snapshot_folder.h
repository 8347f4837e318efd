#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "qcow/snapshot/snapshot.h"
#include "tests/support/files.h"
#include "tests/support/qemu.h"
#include "tests/support/temp_dir.h"

namespace qchain::test {

/// The tests run in a folder of their own, with base.raw (1 MiB, not in whole clusters) <- vm.qcow2, both with data.
class SnapshotFolder : public testing::Test {
 protected:
  SnapshotFolder() {
    std::filesystem::current_path(folder_.path());
    make_hole_file("base.raw", (1 << 20) + 1024);
    qemu_io("base.raw", {"write -P 1 0 300k", "write -P 2 1M 1k"}, "raw");
    create_overlay("vm.qcow2", "base.raw", "raw");
    qemu_io("vm.qcow2", {"write -P 3 100k 100k", "write -z 256k 64k"});
  }
  ~SnapshotFolder() override { std::filesystem::current_path(before_); }

  static SnapshotRequest request(const std::string& image, const std::string& overlay) {
    SnapshotRequest made;
    made.image = image;
    made.overlay = overlay;
    return made;
  }

  static SnapshotReport take(const SnapshotRequest& asked) {
    const auto report = take_snapshot(asked);
    EXPECT_TRUE(report) << describe(report.error());
    return report.value_or(SnapshotReport{});
  }

  /// Sound, and it reads as `image` does.
  static void expect_good(const std::string& overlay, const std::string& image) {
    const auto check = run({"qemu-img", "check", "-f", "qcow2", overlay});
    EXPECT_EQ(check.status, 0) << check.out << check.err;
    EXPECT_NE(check.out.find("No errors were found"), std::string::npos) << check.out;
    const auto compare = run({"qemu-img", "compare", overlay, image});
    EXPECT_EQ(compare.out, "Images are identical.\n") << compare.err;  // of the same size, too
  }

 private:
  std::string before_ = std::filesystem::current_path();
  TempDir folder_;
};

}  // namespace qchain::test
