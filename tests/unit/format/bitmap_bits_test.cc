// Bits, table entries and the header's switch to another directory of bitmaps.
#include <gtest/gtest.h>

#include "qcow/format/bitmaps.h"
#include "tests/support/seed.h"
#include "tests/unit/format/header_builder.h"

namespace qchain::test {
namespace {

using format::BitmapBits;

TEST(BitmapBits, SettingAndFindingRunsAgreeWithOneBitAtATime) {
  Random random(announced_seed());
  for (int round = 0; round < 200; ++round) {
    ByteVector bytes(16);
    std::vector<bool> model(128);
    for (int runs = 0; runs < 4; ++runs) {
      const std::uint64_t first = random.below(128);
      const std::uint64_t count = random.below(129 - first);
      format::set_bits(bytes, {first, count});
      std::fill_n(model.begin() + static_cast<std::ptrdiff_t>(first), count, true);
    }
    const std::uint64_t cut = random.below(140);
    format::clear_bits_from(bytes, cut);
    for (std::uint64_t i = cut; i < 128; ++i) {
      model[i] = false;
    }
    std::vector<bool> found(128);
    auto run = format::next_set_run(bytes, 0, 128);
    while (run) {
      std::fill_n(found.begin() + static_cast<std::ptrdiff_t>(run->first), run->count, true);
      run = format::next_set_run(bytes, run->first + run->count, 128);
    }
    ASSERT_EQ(found, model);
  }
}

TEST(BitmapBits, BitZeroIsTheLowestOfTheFirstByte) {
  ByteVector bytes(2);
  format::set_bits(bytes, {0, 1});
  format::set_bits(bytes, {9, 1});
  EXPECT_EQ(bytes, (ByteVector{std::byte{1}, std::byte{2}}));
}

TEST(BitmapTable, EntriesAreZerosOnesOrAClusterOfBits) {
  const format::Header header;
  EXPECT_EQ(format::decode_bitmap_entry(header, 0)->bits, BitmapBits::zeros);
  EXPECT_EQ(format::decode_bitmap_entry(header, 1)->bits, BitmapBits::ones);
  EXPECT_EQ(format::decode_bitmap_entry(header, 0x30000)->bits, BitmapBits::stored);
  EXPECT_EQ(format::decode_bitmap_entry(header, 0x30000)->offset, 0x30000U);
}

TEST(BitmapTable, EntriesWithReservedBitsOrOffClustersAreRefused) {
  const format::Header header;
  for (const std::uint64_t raw : {0x2ULL, 0x100ULL, 0x30001ULL, 0x30200ULL, 0x0100000000000000ULL}) {
    EXPECT_FALSE(format::decode_bitmap_entry(header, raw)) << raw;
  }
}

TEST(BitmapTable, MustCoverTheDiskUnlessTheBitmapIsInUse) {
  format::Header header;
  header.cluster_bits = 9;
  header.virtual_size = (2 << 20) + 512;  // a cluster of bits of 512 bytes covers 2 MiB
  format::Bitmap bitmap{.name = "b", .granularity = 512, .table_offset = 0x200, .table_entries = 1};
  const auto parse = [&] {
    const auto directory = format::encode_bitmap_directory({&bitmap, 1});
    header.bitmaps = {.count = 1, .directory_size = directory.size(), .directory_offset = 0};
    return format::parse_bitmaps(header, directory);
  };
  EXPECT_FALSE(parse());
  bitmap.inconsistent = true;
  EXPECT_TRUE(parse());
  bitmap.inconsistent = false;
  bitmap.table_entries = 2;
  ASSERT_TRUE(parse());
  EXPECT_EQ(parse()->front().table_entries, 2U);
}

}  // namespace
}  // namespace qchain::test
