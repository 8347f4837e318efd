#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <iostream>
#include <system_error>

#include "tests/faults/faulty_run.h"
#include "tests/mount/file_reader.h"
#include "tests/mount/mounted_chain.h"
#include "tests/support/files.h"
#include "tests/support/qemu.h"

namespace qchain::test {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t step = 65536;

/// The chain of faulty_run.h, mounted by the program itself on a disk that fails.
class FaultyMount : public MountTest {
 protected:
  void SetUp() override {
    MountTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    fs::create_directory(mnt_);
    image_ = make_chain(dir_);
    expected_ = qemu_bytes(image_);
  }
  [[nodiscard]] ProcessResult mount_with(const Fault& fault) const {
    Arguments command = with_fault(fault, report_);
    command.insert(command.end(), {QCHAIN_BINARY, "mount", "-o", "direct_io", image_, mnt_});
    return run(command);
  }
  /// Each piece has the right bytes or gives EIO; how many gave EIO.
  [[nodiscard]] int read_all() const {
    int failed = 0;
    const FileReader file(mnt_ + "/disk.raw");
    for (std::uint64_t offset = 0; offset < expected_.size(); offset += step) {
      try {
        EXPECT_TRUE(equal_bytes(Bytes(expected_).subspan(offset, step), file.read(offset, step))) << offset;
      } catch (const std::system_error& error) {
        EXPECT_EQ(error.code().value(), EIO) << offset;
        ++failed;
      }
    }
    return failed;
  }
  void unmount() const { unmount_fuse(mnt_); }

  std::string mnt_ = dir_ / "mnt";
  std::string report_ = dir_ / "report";
  std::string image_;
  ByteVector expected_;
};

TEST_F(FaultyMount, GivesEioOnceAndRightBytesAfterwardsWhereAReadFails) {
  int failed = 0;
  for (unsigned number = 0;; ++number) {
    const ProcessResult mounted = mount_with({.at = number, .error = EIO, .always = {}});
    if (mounted.status != 0) {
      EXPECT_EQ(mounted.status, 2) << mounted.err;
      EXPECT_FALSE(mount_at(mnt_));
      EXPECT_NE(take_report(report_), "") << mounted.err;
      continue;
    }
    failed += read_all();
    const std::string call = take_report(report_);
    if (!call.empty()) {
      EXPECT_EQ(read_all(), 0) << "a call that failed once fails for good: " << call << ' ' << number;
    }
    unmount();
    if (call.empty()) {
      std::cout << number << " calls failed in turn, readers saw " << failed << " of them\n";
      EXPECT_GT(number, 10U);
      break;
    }
  }
  EXPECT_GT(failed, 0);
}

TEST_F(FaultyMount, IsRightOnADiskThatIsOdd) {
  for (const char* const always : {"short", "interrupted", "slow"}) {
    const ProcessResult mounted = mount_with({.at = {}, .error = 0, .always = always});
    ASSERT_EQ(mounted.status, 0) << mounted.err;
    EXPECT_EQ(read_all(), 0) << always;
    unmount();
  }
}

TEST_F(FaultyMount, GivesEioForWhatALayerHasLost) {
  ASSERT_EQ(mount_with({}).status, 0);
  fs::resize_file(dir_ / "base.raw", 100 * 1024);
  {
    const FileReader file(mnt_ + "/disk.raw");
    EXPECT_TRUE(equal_bytes(Bytes(expected_).subspan(0, step), file.read(0, step)));
    EXPECT_THROW(static_cast<void>(file.read(3 * step, step)), std::system_error);
    EXPECT_TRUE(equal_bytes(Bytes(expected_).subspan(8192, 8192), file.read(8192, 8192)));
  }
  unmount();
}

TEST_F(FaultyMount, OutlivesLayersThatAreEmptied) {
  ASSERT_EQ(mount_with({}).status, 0);
  fs::resize_file(dir_ / "base.raw", 0);
  fs::resize_file(image_, 0);
  static_cast<void>(run({"dd", "if=" + mnt_ + "/disk.raw", "of=/dev/null", "bs=64k", "conv=noerror"}));
  EXPECT_EQ(file_size(mnt_ + "/disk.raw"), expected_.size()) << "the mount is still there";
  EXPECT_GT(
      [this] {
        try {
          const FileReader file(mnt_ + "/disk.raw");
          static_cast<void>(file.read(0, step));
        } catch (const std::system_error& error) {
          return error.code().value();
        }
        return 0;
      }(),
      0);
  unmount();
}

TEST_F(FaultyMount, KeepsTheFilesItOpenedWhenTheirNamesGetOthers) {
  ASSERT_EQ(mount_with({}).status, 0);
  for (const std::string& file : {dir_ / "base.raw", image_}) {
    write_file(dir_ / "other", ByteVector(expected_.size(), std::byte{0xee}));
    fs::rename(dir_ / "other", file);
  }
  EXPECT_EQ(read_all(), 0);
  unmount();
}

}  // namespace
}  // namespace qchain::test
