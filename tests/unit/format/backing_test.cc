// The backing file's name and where it may lie.
#include <gtest/gtest.h>

#include "tests/unit/format/header_builder.h"

namespace qchain::test {
namespace {

TEST(BackingName, IsAbsentInAStandaloneImage) {
  const auto header = HeaderBuilder().good();
  EXPECT_EQ(header.backing_file, std::nullopt);
  EXPECT_EQ(header.backing_format, std::nullopt);
}

TEST(BackingName, Case3_IsNotTerminated) {
  HeaderBuilder builder;
  builder.backing(1024, "base.raw").text(1032, "junk that follows");
  EXPECT_EQ(builder.good().backing_file, "base.raw");
}

TEST(BackingName, Case19_MayHoldAnyByteButNul) {
  std::string name;
  for (int byte = 1; byte < 256; ++byte) {
    name += static_cast<char>(byte);
  }
  EXPECT_EQ(HeaderBuilder().backing(1024, name).good().backing_file, name);
}

TEST(BackingName, Case19_EndsAtNul) {
  EXPECT_EQ(HeaderBuilder().backing(1024, std::string_view("ab\0cd", 5)).good().backing_file, "ab");
}

TEST(BackingName, Case19_EmptyNameIsNoBackingFile) {
  EXPECT_EQ(HeaderBuilder().backing(1024, "").good().backing_file, std::nullopt);
  EXPECT_EQ(HeaderBuilder().backing(1024, std::string_view("\0b", 2)).good().backing_file, std::nullopt);
}

TEST(BackingName, Case19_1023BytesAreTheLongest) {
  const std::string longest(1023, 'n');
  EXPECT_EQ(HeaderBuilder().backing(1024, longest).good().backing_file, longest);
  EXPECT_TRUE(refuses(HeaderBuilder().backing(1024, longest + "n"), ErrorKind::limit, "1024 bytes of at most 1023"));
}

TEST(BackingName, Case26_SizeFieldDoesNotWrap) {
  EXPECT_TRUE(refuses(HeaderBuilder().backing(1024, "b").u32(field::backing_size, 0xffffffff), ErrorKind::limit,
                      "backing file name is too long"));
}

TEST(BackingName, Case26_MayEndWithTheCluster) {
  EXPECT_EQ(HeaderBuilder().backing(65535, "b").good().backing_file, "b");
  EXPECT_TRUE(refuses(HeaderBuilder().backing(65535, "b").u32(field::backing_size, 2), ErrorKind::limit, "at most 1"));
}

TEST(BackingName, Case26_OffsetOutsideTheCluster) {
  for (const std::uint64_t offset : {65537ULL, 1ULL << 63, ~0ULL}) {
    EXPECT_TRUE(refuses(HeaderBuilder().u64(field::backing_offset, offset), ErrorKind::corrupt, "outside the first"));
  }
}

TEST(BackingName, Case26_OffsetAtTheClustersEndHasRoomForNothing) {
  EXPECT_TRUE(HeaderBuilder().u64(field::backing_offset, 65536).parse());
  EXPECT_TRUE(refuses(HeaderBuilder().u64(field::backing_offset, 65536).u32(field::backing_size, 1), ErrorKind::limit,
                      "at most 0"));
}

TEST(BackingName, OffsetZeroMeansNoneWhateverTheSize) {
  EXPECT_EQ(HeaderBuilder().u32(field::backing_size, 2000).good().backing_file, std::nullopt);
}

TEST(BackingName, Case3_OffsetInsideTheFixedHeaderLeavesNoExtensions) {
  HeaderBuilder builder;
  builder.extension(extension::backing_format, "raw").u64(field::backing_offset, 104).u32(field::backing_size, 0);
  EXPECT_EQ(builder.good().backing_format, std::nullopt);
}

TEST(BackingFormat, Case20_IsAbsentInOldImages) {
  const auto header = HeaderBuilder().backing(1024, "base").good();
  EXPECT_EQ(header.backing_file, "base");
  EXPECT_EQ(header.backing_format, std::nullopt);
}

TEST(BackingFormat, Has15BytesAtMost) {
  HeaderBuilder longest;
  EXPECT_EQ(longest.extension(extension::backing_format, "fifteen letters").good().backing_format, "fifteen letters");
  HeaderBuilder builder;
  EXPECT_TRUE(refuses(builder.extension(extension::backing_format, "sixteen letters!"), ErrorKind::limit, "16 bytes"));
}

TEST(BackingFormat, LastOneCounts) {
  HeaderBuilder builder;
  builder.extension(extension::backing_format, "raw").extension(extension::backing_format, "qcow2");
  EXPECT_EQ(builder.good().backing_format, "qcow2");
}

TEST(BackingFormat, EmptyOneIsNone) {
  HeaderBuilder builder;
  builder.extension(extension::backing_format, "raw").extension(extension::backing_format, "");
  EXPECT_EQ(builder.good().backing_format, std::nullopt);
}

}  // namespace
}  // namespace qchain::test
