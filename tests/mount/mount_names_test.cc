#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <filesystem>
#include <set>

#include "tests/mount/chains.h"
#include "tests/mount/file_reader.h"
#include "tests/mount/mounted_chain.h"
#include "tests/mount/partition_builder.h"
#include "tests/support/files.h"
#include "tests/support/qemu.h"

namespace qchain::test {
namespace {

namespace fs = std::filesystem;

struct stat status_of(const std::string& path) {
  struct stat result{};
  if (::stat(path.c_str(), &result) != 0) throw std::system_error(errno, std::generic_category(), path);
  return result;
}

std::set<std::string> names_in(const std::string& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.insert(entry.path().filename());
  return names;
}

class MountedNames : public MountTest {
 protected:
  void SetUp() override {
    MountTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    files_ = make_plain_chain(dir_, 1 << 20);
    fs::create_directory(dir_ / "mnt");
  }

  std::string mnt_ = dir_ / "mnt";
  ChainFiles files_;
};

TEST_F(MountedNames, AreDiskLayersAndPartitions) {
  const MountedChain mounted(files_.top(), mnt_);
  EXPECT_EQ(names_in(mnt_), (std::set<std::string>{"disk.raw", "layers", "partitions"}));
  EXPECT_EQ(names_in(mounted / "layers"), (std::set<std::string>{"1-base.raw.raw", "2-top.qcow2.raw"}));
  EXPECT_EQ(names_in(mounted / "partitions"), std::set<std::string>{});
}

TEST_F(MountedNames, HideControlCharactersOfALayersName) {
  const std::string image = dir_ / "a\nb\x1b.qcow2";
  create_overlay(image, "base.raw", "raw");
  const MountedChain mounted(image, mnt_);
  EXPECT_TRUE(names_in(mounted / "layers").contains("2-a_b_.qcow2.raw"));
}

TEST_F(MountedNames, HavePartitionsOfTheDisk) {
  PartitionBuilder disk(1 << 20);
  disk.bytes = read_file(files_.layers[0]);
  disk.boot_record(0, {{0x83, 64, 100}, {}, {}, {}});
  for (std::size_t entry = 1; entry < 4; ++entry) {
    for (std::size_t i = 0; i < 16; ++i) disk.bytes[446 + 16 * entry + i] = std::byte{0};
  }
  disk.bytes[446] = std::byte{0x80};
  poke(files_.layers[0], 0, Bytes(disk.bytes).first(512));
  const MountedChain mounted(files_.top(), mnt_);
  EXPECT_EQ(names_in(mounted / "partitions"), (std::set<std::string>{"1.raw"}));
  EXPECT_TRUE(equal_bytes(Bytes(disk.bytes).subspan(64 * 512, 100 * 512), read_file(mounted / "partitions/1.raw")));
}

TEST_F(MountedNames, AreTheSameAtEveryMount) {
  const auto facts = [&](const MountedChain& mounted) {
    std::vector<std::uint64_t> numbers;
    for (const char* name : {"", "disk.raw", "layers", "layers/1-base.raw.raw", "layers/2-top.qcow2.raw"}) {
      const struct stat stat = status_of(mounted / name);
      numbers.insert(
          numbers.end(),
          {stat.st_ino, stat.st_nlink, stat.st_mode, static_cast<std::uint64_t>(stat.st_size),
           static_cast<std::uint64_t>(stat.st_blocks), static_cast<std::uint64_t>(stat.st_mtim.tv_sec),
           static_cast<std::uint64_t>(stat.st_mtim.tv_nsec), static_cast<std::uint64_t>(stat.st_atim.tv_nsec),
           static_cast<std::uint64_t>(stat.st_ctim.tv_nsec)});
    }
    return numbers;
  };
  std::vector<std::uint64_t> first;
  {
    const MountedChain mounted(files_.top(), mnt_);
    first = facts(mounted);
    mounted.unmount();
    ASSERT_TRUE(mounted.is_gone());
  }
  EXPECT_EQ(facts(MountedChain(files_.top(), mnt_)), first);
}

TEST_F(MountedNames, HaveTheTimeOfTheNewestLayer) {
  must_run({"touch", "-d", "2020-02-02 02:02:02.125Z", files_.layers[0]});
  must_run({"touch", "-d", "2019-01-01 00:00:00Z", files_.layers[1]});
  const MountedChain mounted(files_.top(), mnt_);
  for (const char* name : {"disk.raw", "layers/1-base.raw.raw", "layers/2-top.qcow2.raw", "layers"}) {
    const struct stat stat = status_of(mounted / name);
    for (const timespec time : {stat.st_mtim, stat.st_ctim, stat.st_atim}) {
      EXPECT_EQ(time.tv_sec, 1580608922) << name;
      EXPECT_EQ(time.tv_nsec, 125000000) << name;
    }
  }
}

TEST_F(MountedNames, BelongToTheMountingUser) {
  const MountedChain mounted(files_.top(), mnt_);
  const struct stat stat = status_of(mounted / "disk.raw");
  EXPECT_EQ(stat.st_uid, getuid());
  EXPECT_EQ(stat.st_gid, getgid());
  EXPECT_EQ(stat.st_mode, S_IFREG | 0444U);
  EXPECT_EQ(status_of(mnt_).st_mode, S_IFDIR | 0555U);
}

TEST_F(MountedNames, BelongToWhomTheOptionsSay) {
  const MountedChain mounted(files_.top(), mnt_, {"-o", "uid=12,gid=34,umask=004"});
  const struct stat stat = status_of(mounted / "disk.raw");
  EXPECT_EQ(stat.st_uid, 12U);
  EXPECT_EQ(stat.st_gid, 34U);
  EXPECT_EQ(stat.st_mode, S_IFREG | 0440U);
}

TEST_F(MountedNames, HaveTheBlocksOfTheMergedView) {
  Random random(announced_seed());
  const TempDir other;
  const ChainFiles mixed = make_mixed_chain(other, random);
  const MountedChain mounted(mixed.top(), mnt_);
  std::uint64_t data = 0;
  for (const DataRun& run : qemu_data_runs(mixed.top())) data += run.end - run.start;
  EXPECT_EQ(status_of(mounted / "disk.raw").st_blocks, static_cast<blkcnt_t>(data / 512));
  EXPECT_EQ(static_cast<std::uint64_t>(status_of(mounted / "disk.raw").st_size), qemu_bytes(mixed.top()).size());
}

TEST_F(MountedNames, CanNotBeWrittenMadeOrRemoved) {
  const MountedChain mounted(files_.top(), mnt_);
  EXPECT_EQ(open_error(mounted / "disk.raw", O_WRONLY), EROFS);
  EXPECT_EQ(open_error(mounted / "disk.raw", O_RDWR), EROFS);
  EXPECT_EQ(open_error(mounted / "new", O_WRONLY | O_CREAT), EROFS);
  EXPECT_EQ(mkdir((mounted / "new").c_str(), 0777) == 0 ? 0 : errno, EROFS);
  EXPECT_EQ(unlink((mounted / "disk.raw").c_str()) == 0 ? 0 : errno, EROFS);
  EXPECT_EQ(chmod((mounted / "disk.raw").c_str(), 0777) == 0 ? 0 : errno, EROFS);
  EXPECT_EQ(truncate((mounted / "disk.raw").c_str(), 0) == 0 ? 0 : errno, EROFS);
  EXPECT_EQ(access((mounted / "disk.raw").c_str(), W_OK) == 0 ? 0 : errno, EROFS);
}

TEST_F(MountedNames, CanNotBeChangedEvenWhenRemountedForWriting) {
  if (getuid() != 0) GTEST_SKIP() << "only root may remount";
  const MountedChain mounted(files_.top(), mnt_);
  must_run({"mount", "-i", "-o", "remount,rw", mnt_});
  EXPECT_EQ(open_error(mounted / "disk.raw", O_RDWR), EROFS);
  EXPECT_EQ(open_error(mounted / "new", O_WRONLY | O_CREAT), EROFS);
  EXPECT_EQ(unlink((mounted / "disk.raw").c_str()) == 0 ? 0 : errno, EROFS);
  EXPECT_EQ(truncate((mounted / "disk.raw").c_str(), 0) == 0 ? 0 : errno, EROFS);
}

TEST_F(MountedNames, AreShownAsQchainOfTheActiveImage) {
  const MountedChain mounted(files_.top(), mnt_);
  const auto facts = mount_at(mnt_);
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->type, "fuse.qchain");
  EXPECT_EQ(facts->source, files_.top());
}

TEST_F(MountedNames, AreShownAsTheOptionsSay) {
  const MountedChain mounted(files_.top(), mnt_, {"-o", R"(fsname=my\,disk,subtype=other)"});
  const auto facts = mount_at(mnt_);
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->type, "fuse.other");
  EXPECT_EQ(facts->source, "my,disk");
}

TEST_F(MountedNames, AreCountedByStatfs) {
  const MountedChain mounted(files_.top(), mnt_);
  struct statvfs facts{};
  ASSERT_EQ(statvfs(mnt_.c_str(), &facts), 0);
  EXPECT_EQ(facts.f_blocks * facts.f_frsize, 1U << 20);
  EXPECT_EQ(facts.f_bfree, 0U);
  EXPECT_EQ(facts.f_files, 6U);
}

TEST_F(MountedNames, MayLieOverAFolderThatIsNotEmpty) {
  make_hole_file(mnt_ + "/mine", 1);
  const MountedChain mounted(files_.top(), mnt_);
  EXPECT_FALSE(names_in(mnt_).contains("mine"));
  mounted.unmount();
  EXPECT_TRUE(names_in(mnt_).contains("mine"));
}

}  // namespace
}  // namespace qchain::test
