#include "qcow/storage/file_storage.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <thread>

#include "tests/support/files.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/storage/loop_device.h"

namespace qchain {
namespace {

using test::bytes_of;
using test::make_hole_file;
using test::poke;
using test::telling_bytes;
using test::write_file;

class FileStorageTest : public ::testing::Test {
 protected:
  static SharedStorage open(const std::string& path) {
    auto storage = FileStorage::adopt(UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)), path);
    EXPECT_TRUE(storage.has_value());
    return *storage;
  }
  SharedStorage with(const std::string& content) {
    write_file(folder_ / "file", bytes_of(content));
    return open(folder_ / "file");
  }

  test::TempDir folder_;
};

std::string text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST_F(FileStorageTest, ReadsAtAnyOffset) {
  const auto storage = with("0123456789");
  std::array<std::byte, 4> buffer{};
  ASSERT_EQ(storage->read(3, buffer).value(), 4U);
  EXPECT_EQ(text_of(buffer), "3456");
}

TEST_F(FileStorageTest, ReadIsShortOnlyAtTheEnd) {
  const auto storage = with("0123456789");
  std::array<std::byte, 8> buffer{};
  EXPECT_EQ(storage->read(8, buffer).value(), 2U);
  EXPECT_EQ(storage->read(10, buffer).value(), 0U);
  EXPECT_EQ(storage->read(UINT64_MAX - 1, buffer).value(), 0U);
}

TEST_F(FileStorageTest, PaddedReadEndsInZeros) {
  const auto storage = with("0123456789");
  std::array<std::byte, 4> buffer;
  buffer.fill(std::byte{0xff});
  ASSERT_TRUE(storage->read_padded(8, buffer));
  EXPECT_EQ(text_of(buffer), std::string("89\0\0", 4));
  buffer.fill(std::byte{0xff});
  ASSERT_TRUE(storage->read_padded(5000, buffer));
  EXPECT_TRUE(is_zero(buffer));
}

TEST_F(FileStorageTest, KeepsTheSizeItHadWhenOpened) {
  const auto storage = with("0123456789");
  poke(folder_ / "file", 10, bytes_of("abc"));
  std::array<std::byte, 8> buffer{};
  EXPECT_EQ(storage->size(), 10U);
  EXPECT_EQ(storage->read(8, buffer).value(), 2U);
}

TEST_F(FileStorageTest, GivesAnErrorForWhatTheFileHasLostSinceItWasOpened) {
  const auto storage = with("0123456789");
  test::resize_file(folder_ / "file", 4);
  std::array<std::byte, 2> buffer{};
  EXPECT_EQ(storage->read(2, buffer).value(), 2U);
  for (const std::uint64_t offset : {3U, 4U, 8U}) {
    const auto read = storage->read(offset, buffer);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().kind, ErrorKind::io);
    EXPECT_FALSE(storage->read_padded(offset, buffer));
  }
  EXPECT_TRUE(storage->run_at(0, 10));
  EXPECT_FALSE(storage->run_at(4, 10)) << "what is gone must not pass for a hole";
}

TEST_F(FileStorageTest, ReportsHolesAndData) {
  make_hole_file(folder_ / "sparse", 1 << 20);
  poke(folder_ / "sparse", 65536, telling_bytes(65536, 1));
  const auto storage = open(folder_ / "sparse");

  const auto before = storage->run_at(1000, 1 << 20).value();
  EXPECT_FALSE(before.is_data);
  EXPECT_EQ(before.range, range_between(1000, 65536));
  const auto data = storage->run_at(70000, 1 << 20).value();
  EXPECT_TRUE(data.is_data);
  EXPECT_EQ(data.range, range_between(70000, 131072));
  const auto after = storage->run_at(131072, 1 << 20).value();
  EXPECT_FALSE(after.is_data);
  EXPECT_EQ(after.range, range_between(131072, 1 << 20));
}

TEST_F(FileStorageTest, CutsARunAtTheEndAskedFor) {
  make_hole_file(folder_ / "sparse", 131072);
  poke(folder_ / "sparse", 65536, telling_bytes(65536, 1));
  const auto storage = open(folder_ / "sparse");
  EXPECT_EQ(storage->run_at(0, 4096).value().range, range_between(0, 4096));
  EXPECT_EQ(storage->run_at(65536, 66000).value().range, range_between(65536, 66000));
}

TEST_F(FileStorageTest, PastTheEndIsAHole) {
  const auto storage = with("0123456789");
  const auto data = storage->run_at(0, 1000).value();
  EXPECT_TRUE(data.is_data);
  EXPECT_EQ(data.range, range_between(0, 10));
  const auto past = storage->run_at(10, 1000).value();
  EXPECT_FALSE(past.is_data);
  EXPECT_EQ(past.range, range_between(10, 1000));
}

TEST_F(FileStorageTest, ThreadsThatLookForHolesDoNotDisturbReaders) {
  make_hole_file(folder_ / "file", 196608);
  poke(folder_ / "file", 0, bytes_of(std::string(65536, 'a')));
  poke(folder_ / "file", 131072, bytes_of(std::string(65536, 'b')));
  const auto storage = open(folder_ / "file");
  std::jthread walker([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      EXPECT_EQ(storage->run_at(0, 196608).value().range.end(), 65536U);
    }
  });
  std::array<std::byte, 512> buffer{};
  for (int i = 0; i < 2000; ++i) {
    ASSERT_EQ(storage->read(131072, buffer).value(), 512U);
    ASSERT_EQ(text_of(buffer), std::string(512, 'b'));
  }
}

TEST_F(FileStorageTest, FactsAreThoseOfTheFileSystem) {
  make_hole_file(folder_ / "sparse", 1 << 20);
  poke(folder_ / "sparse", 4096, telling_bytes(4096, 1));
  test::must_run({"touch", "-d", "2001-02-03 04:05:06.789 UTC", folder_ / "sparse"});
  const StorageFacts facts = open(folder_ / "sparse")->facts();
  EXPECT_EQ(facts.modified_seconds, 981173106);
  EXPECT_EQ(facts.modified_nanoseconds, 789000000U);
  EXPECT_EQ(std::to_string(facts.bytes_on_disk / 512) + "\n", test::must_run({"stat", "-c", "%b", folder_ / "sparse"}));
}

TEST_F(FileStorageTest, HardLinksAreTheSameFile) {
  const auto storage = with("x");
  std::filesystem::create_hard_link(folder_ / "file", folder_ / "link");
  write_file(folder_ / "other", bytes_of("x"));
  EXPECT_EQ(open(folder_ / "link")->identity(), storage->identity());
  EXPECT_NE(open(folder_ / "other")->identity(), storage->identity());
}

TEST_F(FileStorageTest, BlockDeviceHasItsSizeAndIsAllData) {
  make_hole_file(folder_ / "disk", 1 << 20);
  poke(folder_ / "disk", 4096, bytes_of("abc"));
  const test::LoopDevice device(folder_ / "disk", test::LoopDevice::Mode::read_only);
  if (!device.ok()) {
    GTEST_SKIP() << device.reason();
  }
  const auto storage = open(device.path());
  std::array<std::byte, 3> buffer{};
  EXPECT_EQ(storage->size(), 1U << 20);
  EXPECT_EQ(storage->read(4096, buffer).value(), 3U);
  EXPECT_EQ(text_of(buffer), "abc");
  EXPECT_TRUE(storage->run_at(0, 1 << 20).value().is_data);
  EXPECT_EQ(storage->run_at(0, 1 << 20).value().range.length, 1U << 20);
}

}  // namespace
}  // namespace qchain
