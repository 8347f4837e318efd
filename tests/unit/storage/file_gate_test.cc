#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "qcow/storage/gate.h"
#include "tests/support/files.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/storage/loop_device.h"

namespace qchain {
namespace {

using test::bytes_of;
using test::write_file;
using ::testing::HasSubstr;
using ::testing::Not;

class FileGateTest : public ::testing::Test {
 protected:
  Result<SharedStorage> by_user(const std::string& path) { return gate_.open({.path = path, .named_by = {}}); }
  Result<SharedStorage> by_header(const std::string& path) {
    return gate_.open({.path = path, .role = OpenRole::backing_file, .named_by = "/x/c.qcow2"});
  }

  test::TempDir folder_;
  FileGate gate_{Locking::shared_read};
};

TEST_F(FileGateTest, OpensARegularFile) {
  write_file(folder_ / "file", bytes_of("abc"));
  const auto storage = by_user(folder_ / "file");
  ASSERT_TRUE(storage) << describe(storage.error());
  EXPECT_EQ((*storage)->size(), 3U);
  EXPECT_EQ((*storage)->name(), folder_ / "file");
}

TEST_F(FileGateTest, FollowsSymbolicLinks) {
  write_file(folder_ / "file", bytes_of("abc"));
  std::filesystem::create_symlink("file", folder_ / "link");
  const auto storage = by_header(folder_ / "link");
  ASSERT_TRUE(storage) << describe(storage.error());
  EXPECT_EQ((*storage)->size(), 3U);
}

TEST_F(FileGateTest, MissingFileNamedByTheUser) {
  const auto storage = by_user(folder_ / "nope");
  ASSERT_FALSE(storage);
  EXPECT_EQ(storage.error().kind, ErrorKind::not_found);
  EXPECT_EQ(describe(storage.error()), folder_ / "nope: no such file");
}

TEST_F(FileGateTest, MissingBackingFileNamesTheOverlayAndTheCure) {
  const auto storage = by_header(folder_ / "nope");
  ASSERT_FALSE(storage);
  EXPECT_EQ(storage.error().kind, ErrorKind::not_found);
  EXPECT_EQ(describe(storage.error()),
            folder_ /
                "nope: no such file; named as backing file by /x/c.qcow2; move it back or re-point the overlay "
                "with qemu-img rebase -u");
}

TEST_F(FileGateTest, DanglingSymbolicLinkIsNotFound) {
  std::filesystem::create_symlink("nowhere", folder_ / "link");
  EXPECT_EQ(by_user(folder_ / "link").error().kind, ErrorKind::not_found);
}

TEST_F(FileGateTest, LoopOfSymbolicLinksIsAnError) {
  std::filesystem::create_symlink("b", folder_ / "a");
  std::filesystem::create_symlink("a", folder_ / "b");
  EXPECT_EQ(by_user(folder_ / "a").error().kind, ErrorKind::loop);
}

TEST_F(FileGateTest, RefusesAFolder) {
  const auto storage = by_user(folder_.path());
  ASSERT_FALSE(storage);
  EXPECT_EQ(storage.error().kind, ErrorKind::refused);
  EXPECT_THAT(describe(storage.error()), HasSubstr("is a folder"));
}

TEST_F(FileGateTest, FifoNeitherBlocksNorOpens) {
  const std::string path = folder_ / "fifo";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  for (const auto& storage : {by_user(path), by_header(path)}) {
    ASSERT_FALSE(storage);
    EXPECT_EQ(storage.error().kind, ErrorKind::refused);
    EXPECT_THAT(describe(storage.error()), HasSubstr("is a FIFO"));
  }
}

TEST_F(FileGateTest, RefusesACharacterDevice) {
  const auto storage = by_header("/dev/zero");
  ASSERT_FALSE(storage);
  EXPECT_EQ(storage.error().kind, ErrorKind::refused);
  EXPECT_THAT(describe(storage.error()), HasSubstr("character device"));
  EXPECT_THAT(describe(storage.error()), HasSubstr("named as backing file by /x/c.qcow2"));
}

TEST_F(FileGateTest, RefusesFilesOfTheKernel) {
  for (const char* path : {"/proc/self/environ", "/proc/self/mem", "/proc/version", "/sys/kernel/notes"}) {
    if (!std::filesystem::exists(path)) {
      continue;
    }
    for (const auto& storage : {by_user(path), by_header(path)}) {
      ASSERT_FALSE(storage) << path;
      EXPECT_EQ(storage.error().kind, ErrorKind::refused);
      EXPECT_THAT(describe(storage.error()), HasSubstr("is a file of the kernel's"));
    }
  }
}

TEST_F(FileGateTest, LinksOfProcLeadTheUserOnly) {
  write_file(folder_ / "file", bytes_of("abc"));
  const auto open = by_user(folder_ / "file");
  ASSERT_TRUE(open);
  const std::string link = "/proc/self/fd/" + std::to_string((*open)->descriptor());
  EXPECT_TRUE(by_user(link));
  const auto storage = by_header(link);
  ASSERT_FALSE(storage);
  EXPECT_EQ(storage.error().kind, ErrorKind::refused);
  EXPECT_THAT(describe(storage.error()), HasSubstr("link of /proc"));
}

TEST_F(FileGateTest, RefusesANulByteInTheName) {
  write_file(folder_ / "file", bytes_of("abc"));
  const auto storage = by_header(folder_ / std::string_view("file\0.raw", 9));
  ASSERT_FALSE(storage);
  EXPECT_EQ(storage.error().kind, ErrorKind::refused);
  EXPECT_THAT(describe(storage.error()), HasSubstr(".raw: the file name holds a NUL byte")) << "all of the name";
  EXPECT_EQ(describe(storage.error()).find('\0'), std::string::npos);
}

TEST_F(FileGateTest, BlockDeviceIsAllowedToAHeader) {
  test::make_hole_file(folder_ / "disk", 1 << 20);
  const test::LoopDevice device(folder_ / "disk", test::LoopDevice::Mode::read_only);
  if (!device.ok()) {
    GTEST_SKIP() << device.reason();
  }
  const auto storage = by_header(device.path());
  EXPECT_TRUE(storage) << describe(storage.error());
}

TEST_F(FileGateTest, ErrorIsOneLineWhateverTheName) {
  const auto storage = by_user(folder_ / "a\nb\x1b[2J");
  ASSERT_FALSE(storage);
  EXPECT_THAT(describe(storage.error()), Not(HasSubstr("\n")));
  EXPECT_THAT(describe(storage.error()), Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace qchain
