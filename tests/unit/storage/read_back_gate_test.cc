#include "qcow/storage/read_back_gate.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "tests/support/files.h"
#include "tests/support/page_cache.h"
#include "tests/support/seed.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/storage/loop_device.h"
#include "tests/unit/storage/qemu_io_session.h"

namespace qchain::test {
namespace {

Result<SharedStorage> open_through(Gate& gate, const std::string& path) {
  return gate.open({.path = path, .named_by = {}});
}

std::byte first_byte(const Storage& storage) {
  std::array<std::byte, 1> byte{};
  EXPECT_TRUE(storage.read(0, byte));
  return byte[0];
}

TEST(ReadBackGateTest, reads_any_range_as_it_is_also_at_an_odd_end) {
  Random random(announced_seed());
  const TempDir dir;
  ByteVector bytes(1'000'003);
  for (std::byte& byte : bytes) {
    byte = std::byte{static_cast<std::uint8_t>(random.below(256))};
  }
  write_file(dir / "file", bytes);
  ReadBackGate gate;
  const auto storage = open_through(gate, dir / "file");
  ASSERT_TRUE(storage) << describe(storage.error());
  for (int i = 0; i < 200; ++i) {
    const std::uint64_t offset = random.below(bytes.size() + 5000);
    ByteVector into(random.between(1, 20'000));
    const auto count = (*storage)->read(offset, into);
    ASSERT_TRUE(count) << describe(count.error());
    const std::uint64_t expected = offset < bytes.size() ? std::min(into.size(), bytes.size() - offset) : 0;
    ASSERT_EQ(*count, expected) << "from " << offset;
    if (expected > 0) {
      ASSERT_TRUE(std::ranges::equal(Bytes(into).first(expected), Bytes(bytes).subspan(offset, expected)));
    }
  }
}

TEST(ReadBackGateTest, sees_what_is_on_the_disk_and_not_what_is_cached) {
  const TempDir dir;
  write_file(dir / "disk", ByteVector(1 << 20, std::byte{1}));
  const LoopDevice device(dir / "disk", LoopDevice::Mode::writable);
  if (!device.ok()) {
    GTEST_SKIP() << device.reason();
  }
  FileGate cached(Locking::none);
  const auto before = open_through(cached, device.path());  // keeps the device, and so its cache
  ASSERT_TRUE(before);
  EXPECT_EQ(first_byte(**before), std::byte{1});
  poke(dir / "disk", 0, ByteVector{std::byte{2}});
  EXPECT_EQ(first_byte(**before), std::byte{1}) << "else the test shows nothing";
  ReadBackGate gate;
  const auto storage = open_through(gate, device.path());
  ASSERT_TRUE(storage) << describe(storage.error());
  EXPECT_EQ(first_byte(**storage), std::byte{2});
}

TEST(ReadBackGateTest, leaves_the_cache_of_other_files_alone) {
  const TempDir dir;
  if (!has_a_disk_below(dir.path())) {
    GTEST_SKIP() << "these files are in the page cache always";
  }
  constexpr std::size_t size = 1 << 20;
  for (const char* name : {"one", "other"}) {
    write_file(dir / name, ByteVector(size, std::byte{1}));
    drop_from_cache(dir / name);
  }
  FileGate cached(Locking::none);
  const FileIdentity one = open_through(cached, dir / "one").value()->identity();
  ReadBackGate gate(one);
  for (const char* name : {"one", "other"}) {
    const auto storage = open_through(gate, dir / name);
    ASSERT_TRUE(storage) << describe(storage.error());
    ByteVector bytes(size);
    ASSERT_TRUE((*storage)->read(0, bytes));
  }
  EXPECT_LT(cached_share(dir / "one", size), 0.05);
  EXPECT_GT(cached_share(dir / "other", size), 0.95);
}

TEST(ReadBackGateTest, a_writer_is_in_the_way) {
  const TempDir dir;
  make_hole_file(dir / "disk.raw", 1 << 20);
  const QemuIoSession writer({"-f", "raw", dir / "disk.raw"});
  ReadBackGate gate;
  const auto storage = open_through(gate, dir / "disk.raw");
  ASSERT_FALSE(storage);
  EXPECT_EQ(storage.error().kind, ErrorKind::locked);
}

}  // namespace
}  // namespace qchain::test
