#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "tests/mount/mounted_chain.h"
#include "tests/support/files.h"
#include "tests/support/qemu.h"

namespace qchain::test {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t guest_file = 3 << 20;

std::string first_word(std::string text) {
  return text.substr(0, text.find_first_of(" \n"));
}

/// A guest's ext4 in a qcow2 base; the overlay holds a later state of it.
class GuestFiles : public MountTest {
 protected:
  void SetUp() override {
    MountTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    if (getuid() != 0) GTEST_SKIP() << "loop devices need root";
    if (!run({"losetup", "-f"}).ok()) GTEST_SKIP() << "no loop device to be had";
    make_states();
    fs::create_directory(mnt_);
    fs::create_directory(guest_);
  }

  void make_states() {
    fs::create_directory(dir_ / "files");
    write_file(dir_ / "files/same", telling_bytes(guest_file, 3));
    write_file(dir_ / "files/changed", bytes_of("before"));
    make_ext4("first.raw");
    write_file(dir_ / "files/changed", bytes_of("after"));
    write_file(dir_ / "files/new", telling_bytes(guest_file, 4));
    make_ext4("second.raw");
    qemu_img({"convert", "-O", "qcow2", "-c", dir_ / "first.raw", dir_ / "base.qcow2"});
    qemu_img({"convert", "-O", "qcow2", "-B", "base.qcow2", "-F", "qcow2", dir_ / "second.raw", dir_ / "top.qcow2"});
  }

  void make_ext4(const std::string& name) const {
    must_run({"mke2fs", "-q", "-t", "ext4", "-E", "no_copy_xattrs", "-d", dir_ / "files", dir_ / name, "64M"});
  }

  /// Runs `look` while the file system in `disk` is mounted at guest_.
  void with_guest(const std::string& disk, const std::function<void()>& look) const {
    const std::string device = first_word(must_run({"losetup", "-r", "-f", "--show", disk}));
    const ProcessResult mounted = run({"mount", "-t", "ext4", "-o", "ro,noload", device, guest_});
    EXPECT_TRUE(mounted.ok()) << mounted.err;
    if (mounted.ok()) {
      look();
      must_run({"umount", guest_});
    }
    must_run({"losetup", "-d", device});
  }

  std::string mnt_ = dir_ / "mnt";
  std::string guest_ = dir_ / "guest";
};

TEST_F(GuestFiles, AreThoseOfTheTopInTheDisk) {
  const MountedChain mounted(dir_ / "top.qcow2", mnt_);
  with_guest(mounted / "disk.raw", [this] {
    EXPECT_EQ(read_file(guest_ + "/changed"), bytes_of("after"));
    EXPECT_EQ(read_file(guest_ + "/same"), telling_bytes(guest_file, 3));
    EXPECT_EQ(read_file(guest_ + "/new"), telling_bytes(guest_file, 4));
  });
}

TEST_F(GuestFiles, AreThoseOfBeforeInTheLowerLayer) {
  const MountedChain mounted(dir_ / "top.qcow2", mnt_);
  with_guest(mounted / "layers/1-base.qcow2.raw", [this] {
    EXPECT_EQ(read_file(guest_ + "/changed"), bytes_of("before"));
    EXPECT_EQ(read_file(guest_ + "/same"), telling_bytes(guest_file, 3));
    EXPECT_FALSE(fs::exists(guest_ + "/new"));
  });
}

}  // namespace
}  // namespace qchain::test
