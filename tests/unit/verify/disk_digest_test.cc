#include "qcow/verify/disk_digest.h"

#include <gtest/gtest.h>

#include "tests/support/files.h"
#include "tests/support/process.h"
#include "tests/support/qemu.h"
#include "tests/support/seed.h"
#include "tests/support/temp_dir.h"
#include "tests/support/views.h"

namespace qchain::test {
namespace {

constexpr std::uint64_t disk_size = 6 << 20;

class DiskDigestTest : public testing::Test {
 protected:
  static DiskDigest digest(const std::string& image, DigestKind kind = DigestKind::quick) {
    const auto view = open_view(image);
    EXPECT_TRUE(view) << describe(view.error());
    const auto found = digest_of(**view, {0, (*view)->size()}, {.kind = kind, .progress = {}, .stop = {}});
    EXPECT_TRUE(found) << describe(found.error());
    return found.value_or(DiskDigest{});
  }

  /// Data of any length at any sector, holes between, some of them longer than what is read at once.
  void scatter(const std::string& file, Random& random) {
    make_hole_file(file, disk_size);
    for (int i = 0; i < 12; ++i) {
      ByteVector bytes(512 * random.between(1, 300), std::byte{static_cast<std::uint8_t>(random.between(1, 255))});
      poke(file, 512 * random.below((2 << 20) / 512), bytes);
    }
    poke(file, disk_size - 512, ByteVector(512, std::byte{7}));
  }

  TempDir dir;
  std::string raw = dir / "disk.raw";
};

TEST_F(DiskDigestTest, sha256_is_what_sha256sum_says_of_a_flat_copy) {
  Random random(announced_seed());
  for (int i = 0; i < 5; ++i) {
    scatter(raw, random);
    const std::string expected = must_run({"sha256sum", raw}).substr(0, 64);
    EXPECT_EQ(digest(raw, DigestKind::with_sha256).sha256, expected);
    qemu_img({"convert", "-f", "raw", "-O", "qcow2", "-c", raw, dir / "disk.qcow2"});
    EXPECT_EQ(digest(dir / "disk.qcow2", DigestKind::with_sha256).sha256, expected);
  }
}

TEST_F(DiskDigestTest, how_the_bytes_are_stored_does_not_matter) {
  Random random(announced_seed());
  scatter(raw, random);
  const DiskDigest sparse = digest(raw);
  write_file(dir / "full.raw", read_file(raw));
  qemu_img({"convert", "-f", "raw", "-O", "qcow2", "-o", "cluster_size=4k", raw, dir / "disk.qcow2"});
  EXPECT_EQ(digest(dir / "full.raw"), sparse) << "zeros that are written";
  EXPECT_EQ(digest(dir / "disk.qcow2"), sparse);
  EXPECT_EQ(sparse.size, disk_size);
  EXPECT_EQ(sparse.sha256, "") << "was not asked for";
}

TEST_F(DiskDigestTest, any_flipped_bit_changes_it) {
  Random random(announced_seed());
  scatter(raw, random);
  const DiskDigest before = digest(raw);
  for (int i = 0; i < 20; ++i) {
    const std::uint64_t place = random.below(disk_size);
    ByteVector byte = read_file(raw, place, 1);
    byte[0] ^= std::byte{1};
    poke(raw, place, byte);
    EXPECT_NE(digest(raw).xxh3, before.xxh3) << "byte " << place;
    byte[0] ^= std::byte{1};
    poke(raw, place, byte);
  }
}

TEST_F(DiskDigestTest, the_same_bytes_at_another_place_are_another_disk) {
  make_hole_file(raw, disk_size);
  make_hole_file(dir / "other.raw", disk_size);
  poke(raw, 4096, ByteVector(512, std::byte{1}));
  poke(dir / "other.raw", 4608, ByteVector(512, std::byte{1}));
  EXPECT_NE(digest(raw).xxh3, digest(dir / "other.raw").xxh3);
}

TEST_F(DiskDigestTest, progress_reaches_the_end_and_a_stop_ends_it) {
  Random random(announced_seed());
  scatter(raw, random);
  const auto view = open_view(raw);
  std::uint64_t last = 0;
  const auto count = [&](std::uint64_t done, std::uint64_t /*total*/) { last = done; };
  ASSERT_TRUE(digest_of(**view, {0, disk_size}, {.progress = count, .stop = {}}));
  EXPECT_EQ(last, disk_size);
  std::stop_source stop;
  stop.request_stop();
  const auto stopped = digest_of(**view, {0, disk_size}, {.progress = {}, .stop = stop.get_token()});
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().kind, ErrorKind::interrupted);
}

TEST_F(DiskDigestTest, what_cannot_be_read_is_an_error) {
  create_qcow2(dir / "bad.qcow2", {.options = {}, .backing = {}, .backing_format = {}, .size = disk_size});
  qemu_io(dir / "bad.qcow2", {"write -P 1 0 64k"});
  const auto l1_offset = peek_be<std::uint64_t>(dir / "bad.qcow2", 40);
  const auto l2_offset = peek_be<std::uint64_t>(dir / "bad.qcow2", l1_offset) & 0x00fffffffffffe00ULL;
  poke_be<std::uint64_t>(dir / "bad.qcow2", l2_offset, peek_be<std::uint64_t>(dir / "bad.qcow2", l2_offset) | 512);
  const auto view = open_view(dir / "bad.qcow2");
  ASSERT_TRUE(view);
  const auto found = digest_of(**view, {0, disk_size}, {.progress = {}, .stop = {}});
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, ErrorKind::corrupt);
}

}  // namespace
}  // namespace qchain::test
