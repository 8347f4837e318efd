// Case 23: the directory of persistent bitmaps.
#include "qcow/format/bitmaps.h"

#include <gtest/gtest.h>

#include "tests/unit/format/header_builder.h"

namespace qchain::test {
namespace {

using format::parse_bitmaps;

struct Entry {
  std::uint64_t table_offset = 0x90000;
  std::uint32_t table_entries = 1;
  std::uint32_t flags = 0;
  std::uint8_t type = 1;
  std::uint8_t granularity_bits = 16;
  std::uint32_t extra_size = 0;
  std::string name = "b0";
};

ByteVector directory_of(const std::vector<Entry>& entries) {
  ByteVector directory;
  for (const auto& entry : entries) {
    put_u64(directory, entry.table_offset);
    put_u32(directory, entry.table_entries);
    put_u32(directory, entry.flags);
    put_u8(directory, entry.type);
    put_u8(directory, entry.granularity_bits);
    put_u16(directory, static_cast<std::uint16_t>(entry.name.size()));
    put_u32(directory, entry.extra_size);
    directory.resize(directory.size() + (entry.extra_size < 64 ? entry.extra_size : 0));
    put_text(directory, entry.name);
    pad_to_8(directory);
  }
  return directory;
}

Result<std::vector<format::Bitmap>> parse(std::uint32_t count, const ByteVector& directory) {
  format::Header header;
  header.bitmaps = {count, directory.size(), 0x50000};
  return parse_bitmaps(header, directory);
}

format::Bitmap single(const Entry& entry) {
  const auto bitmaps = parse(1, directory_of({entry}));
  if (!bitmaps || bitmaps->size() != 1) {
    ADD_FAILURE() << "refused";
    return {};
  }
  return bitmaps->front();
}

testing::AssertionResult refuses_entry(const Entry& entry, ErrorKind kind) {
  const auto bitmaps = parse(1, directory_of({entry}));
  if (bitmaps) {
    return testing::AssertionFailure() << "accepted";
  }
  return bitmaps.error().kind == kind ? testing::AssertionSuccess()
                                      : testing::AssertionFailure() << bitmaps.error().what;
}

TEST(Bitmaps, ReadsEveryField) {
  const auto bitmap = single({.table_offset = 0xa0000, .table_entries = 3, .granularity_bits = 9, .name = "backup"});
  EXPECT_EQ(bitmap.name, "backup");
  EXPECT_EQ(bitmap.granularity, 512U);
  EXPECT_EQ(bitmap.table_offset, 0xa0000U);
  EXPECT_EQ(bitmap.table_entries, 3U);
  EXPECT_FALSE(bitmap.enabled);
  EXPECT_FALSE(bitmap.inconsistent);
}

TEST(Bitmaps, AutoFlagMeansEnabled) {
  EXPECT_TRUE(single({.flags = 2}).enabled);
  EXPECT_FALSE(single({.flags = 2}).inconsistent);
}

TEST(Bitmaps, Case23_InUseMeansInconsistent) {
  EXPECT_TRUE(single({.flags = 1}).inconsistent);
  EXPECT_FALSE(single({.flags = 1}).enabled);
}

TEST(Bitmaps, UnknownFlagsAreRefused) {
  EXPECT_TRUE(refuses_entry({.flags = 4}, ErrorKind::unsupported));
  EXPECT_TRUE(refuses_entry({.flags = 1U << 31}, ErrorKind::unsupported));
}

TEST(Bitmaps, OtherTypesAreRefused) {
  EXPECT_TRUE(refuses_entry({.type = 0}, ErrorKind::unsupported));
  EXPECT_TRUE(refuses_entry({.type = 2}, ErrorKind::unsupported));
}

TEST(Bitmaps, GranularityIsBounded) {
  EXPECT_EQ(single({.granularity_bits = 31}).granularity, 1ULL << 31);
  EXPECT_TRUE(refuses_entry({.granularity_bits = 8}, ErrorKind::limit));
  EXPECT_TRUE(refuses_entry({.granularity_bits = 32}, ErrorKind::limit));
  EXPECT_TRUE(refuses_entry({.granularity_bits = 255}, ErrorKind::limit));
}

TEST(Bitmaps, TableIsBounded) {
  EXPECT_TRUE(refuses_entry({.table_entries = 0}, ErrorKind::limit));
  EXPECT_TRUE(refuses_entry({.table_entries = 0x2001}, ErrorKind::limit));  // of clusters of 64 KiB
  EXPECT_EQ(single({.table_entries = 0x2000}).table_entries, 0x2000U);
}

TEST(Bitmaps, TableOffsetIsChecked) {
  EXPECT_TRUE(refuses_entry({.table_offset = 0}, ErrorKind::corrupt));
  EXPECT_TRUE(refuses_entry({.table_offset = 0x90200}, ErrorKind::corrupt)) << "no cluster begins there";
  EXPECT_TRUE(refuses_entry({.table_offset = 0x7fffffffffff0000}, ErrorKind::corrupt));
}

TEST(Bitmaps, NameOf1023BytesIsTheLongest) {
  EXPECT_EQ(single({.name = std::string(1023, 'n')}).name.size(), 1023U);
  EXPECT_TRUE(refuses_entry({.name = std::string(1024, 'n')}, ErrorKind::limit));
}

TEST(Bitmaps, NameMayBeEmptyAndHoldAnyByte) {
  EXPECT_EQ(single({.name = ""}).name, "");
  EXPECT_EQ(single({.name = "\xff\n"}).name, "\xff\n");
}

TEST(Bitmaps, ExtraDataIsRefused) {
  EXPECT_TRUE(refuses_entry({.extra_size = 8}, ErrorKind::unsupported));
}

TEST(Bitmaps, ExtraDataPastTheDirectoryIsRefused) {
  EXPECT_TRUE(refuses_entry({.extra_size = 0xffffffff}, ErrorKind::corrupt));
}

TEST(Bitmaps, EntriesFollowEachOther) {
  const auto bitmaps = parse(3, directory_of({{.name = "a"}, {.name = "123456789"}, {.flags = 2, .name = "c"}}));
  ASSERT_TRUE(bitmaps);
  ASSERT_EQ(bitmaps->size(), 3U);
  EXPECT_EQ((*bitmaps)[1].name, "123456789");
  EXPECT_TRUE((*bitmaps)[2].enabled);
}

TEST(Bitmaps, SameNameTwiceIsRefused) {
  const auto bitmaps = parse(3, directory_of({{.name = "a"}, {.name = "b"}, {.name = "a"}}));
  ASSERT_FALSE(bitmaps);
  EXPECT_EQ(bitmaps.error().what, "bitmap directory names 'a' twice");
}

TEST(Bitmaps, CountMustAgreeWithTheDirectory) {
  const auto directory = directory_of({{.name = "a"}, {.name = "b"}});
  ASSERT_FALSE(parse(1, directory));
  EXPECT_EQ(parse(1, directory).error().what, "bitmap directory has more entries than counted");
  ASSERT_FALSE(parse(3, directory));
  EXPECT_EQ(parse(3, directory).error().what, "bitmap directory has fewer entries than counted");
}

TEST(Bitmaps, DirectoryCutAnywhereIsRefused) {
  const auto whole = directory_of({{.name = "name"}});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto bitmaps = parse(1, ByteVector(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
    ASSERT_FALSE(bitmaps) << size;
    EXPECT_EQ(bitmaps.error().kind, ErrorKind::corrupt);
  }
}

}  // namespace
}  // namespace qchain::test
