#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "tests/mount/chains.h"
#include "tests/mount/file_reader.h"
#include "tests/mount/mounted_chain.h"
#include "tests/support/files.h"
#include "tests/support/qemu.h"

namespace qchain::test {
namespace {

constexpr std::uint64_t cluster = 65536;

/// An image of 16 written clusters; number 5 has an L2 entry that points between clusters.
class BrokenImage : public MountTest {
 protected:
  void SetUp() override {
    MountTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    qemu_img({"create", "-q", "-f", "qcow2", image_, "1M"});
    std::vector<std::string> commands;
    for (std::uint64_t i = 0; i < 16; ++i) {
      commands.push_back("write -P " + std::to_string(i + 1) + " " + std::to_string(i * cluster) + " 64k");
    }
    qemu_io(image_, commands);
    const auto l1 = peek_be<std::uint64_t>(image_, 40);
    const std::uint64_t l2 = peek_be<std::uint64_t>(image_, l1) & 0x00fffffffffffe00;
    const std::uint64_t entry = l2 + 5 * 8;
    poke_be(image_, entry, peek_be<std::uint64_t>(image_, entry) | 0x200);
    std::filesystem::create_directory(mnt_);
  }

  std::string image_ = dir_ / "broken.qcow2";
  std::string mnt_ = dir_ / "mnt";
};

TEST_F(BrokenImage, IsReadableBesideTheBrokenRange) {
  const MountedChain mounted(image_, mnt_);
  const FileReader file(mounted / "disk.raw");
  for (std::uint64_t i = 0; i < 16; ++i) {
    if (i != 5) {
      EXPECT_EQ(file.read(i * cluster, cluster), ByteVector(cluster, static_cast<std::byte>(i + 1))) << i;
    }
  }
}

TEST_F(BrokenImage, GivesEioInAllOfTheBrokenRange) {
  const MountedChain mounted(image_, mnt_);
  const FileReader file(mounted / "disk.raw");
  for (std::uint64_t offset = 5 * cluster; offset < 6 * cluster; offset += 4096) {
    try {
      static_cast<void>(file.read(offset, 4096));
      ADD_FAILURE() << offset << " can be read";
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code().value(), EIO);
    }
  }
}

TEST_F(BrokenImage, ReadsUpToTheBrokenRangeInOrder) {
  const MountedChain mounted(image_, mnt_);
  const ProcessResult copied = run({"dd", "if=" + (mounted / "disk.raw"), "of=" + (dir_ / "copy"), "bs=4096"});
  EXPECT_NE(copied.status, 0);
  EXPECT_EQ(file_size(dir_ / "copy"), 5 * cluster);
}

TEST_F(BrokenImage, IsReportedOnceOnStderrInTheForeground) {
  const std::string script =
      "\"$0\" -f \"$1\" \"$2\" & server=$!; "
      "while ! mountpoint -q \"$2\"; do kill -0 $server || exit 1; done; "
      "dd if=\"$2/disk.raw\" of=/dev/null bs=4096 conv=noerror 2>/dev/null; "
      "fusermount3 -u \"$2\"; wait $server";
  const ProcessResult result = run({"sh", "-c", script, mount_command({})[0], image_, mnt_});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(std::ranges::count(result.err, '\n'), 1) << result.err;
  EXPECT_TRUE(result.err.contains("guest offset 327680 is unreadable: " + image_)) << result.err;
}

}  // namespace
}  // namespace qchain::test
