// The extension area: its borders, unknown extensions, the bitmaps extension.
#include <gtest/gtest.h>

#include "tests/unit/format/header_builder.h"

namespace qchain::test {
namespace {

constexpr std::uint32_t unknown_type = 0x12345678;
constexpr std::uint32_t room = 65536 - format::full_header_length - 8;  // data of one extension that fills the area

std::string bitmaps_data(std::uint32_t count, std::uint32_t reserved, std::uint64_t size, std::uint64_t offset) {
  ByteVector bytes;
  put_u32(bytes, count);
  put_u32(bytes, reserved);
  put_u64(bytes, size);
  put_u64(bytes, offset);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

HeaderBuilder with_bitmaps(std::string_view data) {
  HeaderBuilder builder;
  builder.u64(field::autoclear, format::autoclear_bitmaps).extension(extension::bitmaps, data);
  return builder;
}

TEST(Extensions, UnknownOnesAreKeptInOrder) {
  HeaderBuilder builder;
  builder.extension(2, "second type first").extension(1, "").extension(2, "x");
  const auto header = builder.good();
  ASSERT_EQ(header.unknown_extensions.size(), 3U);
  EXPECT_EQ(header.unknown_extensions[0].type, 2U);
  EXPECT_EQ(header.unknown_extensions[0].data, bytes_of_text("second type first"));
  EXPECT_EQ(header.unknown_extensions[1].type, 1U);
  EXPECT_TRUE(header.unknown_extensions[1].data.empty());
  EXPECT_EQ(header.unknown_extensions[2].data, bytes_of_text("x"));
}

TEST(Extensions, FeatureTableIsNotAnUnknownOne) {
  HeaderBuilder builder;
  EXPECT_TRUE(builder.extension(extension::feature_names, std::string(48, 'f')).good().unknown_extensions.empty());
}

TEST(Extensions, Case3_EndMarkerEndsThem) {
  HeaderBuilder builder;
  builder.extension_head(extension::end, 0).extension(extension::backing_format, "raw");
  EXPECT_EQ(builder.good().backing_format, std::nullopt);
}

TEST(Extensions, Case3_PaddingNeedNotBeZero) {
  HeaderBuilder builder;
  builder.extension(unknown_type, "abc").text(112 + 8 + 3, "\xff\xff\xff\xff\xff");
  builder.extension(extension::backing_format, "raw");
  const auto header = builder.good();
  EXPECT_EQ(header.unknown_extensions.at(0).data, bytes_of_text("abc"));
  EXPECT_EQ(header.backing_format, "raw");
}

TEST(Extensions, Case3_EndMarkerMayBeAbsentAtTheClustersEnd) {
  HeaderBuilder builder;
  const auto header = builder.extension(unknown_type, std::string(room, 'x')).good();
  ASSERT_EQ(header.unknown_extensions.size(), 1U);
  EXPECT_EQ(header.unknown_extensions[0].data.size(), room);
}

TEST(Extensions, Case3_PaddingMayPassTheClustersEnd) {
  HeaderBuilder builder;
  builder.extension_head(unknown_type, room - 1);
  EXPECT_EQ(builder.good().unknown_extensions.at(0).data.size(), room - 1);
}

TEST(Extensions, Case3_DataMustNotPassTheClustersEnd) {
  for (const std::uint32_t length : {room + 1, 0x80000000U, 0xffffffffU}) {
    HeaderBuilder builder;
    EXPECT_TRUE(refuses(builder.extension_head(unknown_type, length), ErrorKind::corrupt, "runs past its area"));
  }
}

TEST(Extensions, Case3_AreaEndsAtTheBackingName) {
  HeaderBuilder builder;
  builder.extension(unknown_type, "12345678").backing(128, "base");
  const auto header = builder.good();
  EXPECT_EQ(header.unknown_extensions.size(), 1U);
  EXPECT_EQ(header.backing_file, "base");
}

TEST(Extensions, Case3_DataMustNotPassTheBackingName) {
  HeaderBuilder builder;
  builder.extension(unknown_type, "12345678").backing(127, "base");
  EXPECT_TRUE(refuses(builder, ErrorKind::corrupt, "runs past its area"));
}

TEST(Extensions, Case3_HeadMustNotPassTheBackingName) {
  EXPECT_TRUE(refuses(HeaderBuilder().backing(119, "base"), ErrorKind::corrupt, "runs past its area"));
  EXPECT_TRUE(HeaderBuilder().backing(120, "base").parse());
}

TEST(Extensions, Case3_EvenTheEndMarkersLengthIsChecked) {
  HeaderBuilder builder;
  EXPECT_TRUE(refuses(builder.extension_head(extension::end, 65536), ErrorKind::corrupt, "runs past its area"));
}

TEST(Extensions, ErrorNamesTheOffset) {
  HeaderBuilder builder;
  const auto header = builder.extension(unknown_type, "x").extension_head(unknown_type, 0xffffffff).parse();
  ASSERT_FALSE(header);
  EXPECT_EQ(header.error().offset, 128U);
}

TEST(BitmapsExtension, IsReadWithItsBit) {
  const auto header = with_bitmaps(bitmaps_data(2, 0, 64, 0x50000)).good();
  ASSERT_TRUE(header.bitmaps);
  EXPECT_EQ(header.bitmaps->count, 2U);
  EXPECT_EQ(header.bitmaps->directory_size, 64U);
  EXPECT_EQ(header.bitmaps->directory_offset, 0x50000U);
}

TEST(BitmapsExtension, Case23_IsStaleWithoutItsBit) {
  HeaderBuilder builder;
  const auto header = builder.extension(extension::bitmaps, bitmaps_data(2, 0, 64, 0x50000)).good();
  EXPECT_FALSE(header.bitmaps);
  EXPECT_TRUE(header.unknown_extensions.empty());
}

TEST(BitmapsExtension, Case23_StaleOneIsNotChecked) {
  HeaderBuilder builder;
  EXPECT_TRUE(builder.extension(extension::bitmaps, bitmaps_data(0, 1, 0, 1)).parse());
}

TEST(BitmapsExtension, Case23_BitWithoutExtensionIsIgnored) {
  EXPECT_FALSE(HeaderBuilder().u64(field::autoclear, 1).good().bitmaps);
}

TEST(BitmapsExtension, Case23_Version2HasNoBitSoItIsStale) {
  HeaderBuilder builder;
  builder.version_2().extension(extension::bitmaps, bitmaps_data(1, 0, 32, 0x50000));
  EXPECT_FALSE(builder.good().bitmaps);
}

TEST(BitmapsExtension, Has24Bytes) {
  for (const std::size_t length : {0U, 16U, 23U, 32U}) {
    EXPECT_TRUE(refuses(with_bitmaps(std::string(length, '\0')), ErrorKind::corrupt, "wrong length"));
  }
}

TEST(BitmapsExtension, WrongLengthIsRefusedEvenWhenStale) {
  HeaderBuilder builder;
  EXPECT_TRUE(refuses(builder.extension(extension::bitmaps, "short"), ErrorKind::corrupt, "wrong length"));
}

TEST(BitmapsExtension, ReservedFieldMustBeZero) {
  EXPECT_TRUE(refuses(with_bitmaps(bitmaps_data(1, 1, 32, 0x50000)), ErrorKind::corrupt, "reserved"));
}

TEST(BitmapsExtension, CountIsBounded) {
  EXPECT_TRUE(refuses(with_bitmaps(bitmaps_data(0, 0, 32, 0x50000)), ErrorKind::corrupt, "no bitmaps"));
  EXPECT_TRUE(refuses(with_bitmaps(bitmaps_data(65536, 0, 32, 0x50000)), ErrorKind::limit, "65536"));
  EXPECT_TRUE(with_bitmaps(bitmaps_data(65535, 0, 32, 0x50000)).parse());
}

TEST(BitmapsExtension, DirectorySizeIsBounded) {
  constexpr std::uint64_t most = 1024 * 65535;
  EXPECT_TRUE(refuses(with_bitmaps(bitmaps_data(1, 0, 0, 0x50000)), ErrorKind::corrupt, "empty"));
  EXPECT_TRUE(refuses(with_bitmaps(bitmaps_data(1, 0, most + 1, 0x50000)), ErrorKind::limit, "too large"));
  EXPECT_TRUE(with_bitmaps(bitmaps_data(1, 0, most, 0x50000)).parse());
}

TEST(BitmapsExtension, DirectoryBeginsOnAClusterBorder) {
  EXPECT_TRUE(refuses(with_bitmaps(bitmaps_data(1, 0, 32, 0x50200)), ErrorKind::corrupt, "cluster border"));
}

}  // namespace
}  // namespace qchain::test
