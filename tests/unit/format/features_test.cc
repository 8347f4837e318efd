// Feature bits, compression type, encryption: known ones are accepted, the rest refused by name.
#include <gtest/gtest.h>

#include "tests/unit/format/header_builder.h"

namespace qchain::test {
namespace {

using format::Incompatible;

/// One entry of a feature name table: 48 bytes.
std::string feature(char kind, char bit, std::string name) {
  name.resize(46);
  return std::string{kind, bit} + name;
}

TEST(Features, Case14_UnknownIncompatibleBitIsRefusedByNumber) {
  EXPECT_TRUE(refuses(HeaderBuilder().u64(field::incompatible, 0x20), ErrorKind::unsupported, "feature bits: 5"));
}

TEST(Features, Case14_EveryUnknownIncompatibleBitIsNamed) {
  EXPECT_TRUE(refuses(HeaderBuilder().u64(field::incompatible, 1ULL << 63 | 1ULL << 40 | 0x80 | 1),
                      ErrorKind::unsupported, "feature bits: 7, 40, 63"));
}

TEST(Features, Case14_NameComesFromTheImagesFeatureTable) {
  HeaderBuilder builder;
  builder.u64(field::incompatible, 0x60);
  builder.extension(extension::feature_names, feature(1, 5, "compatible") + feature(0, 5, "shiny bit"));
  EXPECT_TRUE(refuses(builder, ErrorKind::unsupported, "feature bits: 5 (shiny bit), 6"));
}

TEST(Features, Case14_FeatureNameCannotDriveATerminal) {
  HeaderBuilder builder;
  builder.u64(field::incompatible, 0x20).extension(extension::feature_names, feature(0, 5, "\x1b[2J"));
  EXPECT_TRUE(refuses(builder, ErrorKind::unsupported, R"((\x1b[2J))"));
}

TEST(Features, Case14_NameOfFullLengthHasNoNul) {
  HeaderBuilder builder;
  builder.u64(field::incompatible, 0x20).extension(extension::feature_names, feature(0, 5, std::string(46, 'x')));
  EXPECT_TRUE(refuses(builder, ErrorKind::unsupported, "(" + std::string(46, 'x') + ")"));
}

TEST(Features, Case14_BrokenExtensionsDoNotHideTheBit) {
  HeaderBuilder builder;
  builder.u64(field::incompatible, 0x20).extension_head(0x12345678, 0xffffffff);
  EXPECT_TRUE(refuses(builder, ErrorKind::unsupported, "feature bits: 5"));
}

TEST(Features, Case14_UnknownCompatibleBitsAreKept) {
  EXPECT_EQ(HeaderBuilder().u64(field::compatible, ~0ULL).good().compatible, ~0ULL);
}

TEST(Features, Case14_UnknownAutoclearBitsAreKept) {
  EXPECT_EQ(HeaderBuilder().u64(field::autoclear, ~3ULL).good().autoclear, ~3ULL);
}

TEST(Features, Case15_DirtyImageIsReadable) {
  EXPECT_TRUE(HeaderBuilder().u64(field::incompatible, 1).good().has(Incompatible::dirty));
}

TEST(Features, Case15_CorruptImageIsReadable) {
  EXPECT_TRUE(HeaderBuilder().u64(field::incompatible, 2).good().has(Incompatible::corrupt));
}

TEST(Features, Case11_ZstdBitWithTypeZeroIsRefused) {
  EXPECT_TRUE(refuses(HeaderBuilder().u64(field::incompatible, 8), ErrorKind::corrupt, "compression type is zlib"));
}

TEST(Features, Case11_ZstdTypeWithoutBitIsRefused) {
  EXPECT_TRUE(refuses(HeaderBuilder().u8(field::compression, 1), ErrorKind::corrupt, "compression type is zstd"));
}

TEST(Features, Case11_ZstdBitInAHeaderWithoutTheTypeIsRefused) {
  EXPECT_TRUE(refuses(HeaderBuilder().header_length(104).u64(field::incompatible, 8), ErrorKind::corrupt, "zlib"));
}

TEST(Features, UnknownCompressionTypeIsRefusedByNumber) {
  for (const unsigned type : {2U, 255U}) {
    HeaderBuilder builder;
    builder.u8(field::compression, static_cast<std::uint8_t>(type)).u64(field::incompatible, 8);
    EXPECT_TRUE(refuses(builder, ErrorKind::unsupported, "compression type " + std::to_string(type)));
  }
}

TEST(Features, ExtendedL2NeedsClustersOf16KiB) {
  HeaderBuilder builder;
  builder.cluster_bits(13).u64(field::virtual_size, 1 << 20).u64(field::incompatible, 0x10);
  EXPECT_TRUE(refuses(builder, ErrorKind::limit, "subclusters of 256 bytes"));
  EXPECT_EQ(builder.cluster_bits(14).good().allocation_unit(), 512U);
}

TEST(Features, Case24_AesIsRefusedByName) {
  EXPECT_TRUE(refuses(HeaderBuilder().u32(field::crypt_method, 1), ErrorKind::unsupported, "AES encryption"));
}

TEST(Features, Case24_LuksIsRefusedByName) {
  HeaderBuilder builder;
  builder.u32(field::crypt_method, 2).extension(extension::crypto_header, std::string(16, '\0'));
  EXPECT_TRUE(refuses(builder, ErrorKind::unsupported, "LUKS encryption"));
}

TEST(Features, Case24_EncryptedVersion2IsRefusedToo) {
  HeaderBuilder builder;
  EXPECT_TRUE(refuses(builder.version_2().u32(field::crypt_method, 1), ErrorKind::unsupported, "AES encryption"));
}

TEST(Features, Case24_UnknownEncryptionIsRefusedByNumber) {
  EXPECT_TRUE(refuses(HeaderBuilder().u32(field::crypt_method, 3), ErrorKind::unsupported, "encryption method 3"));
}

TEST(Features, Case24_EncryptionHeaderWithoutEncryptionIsRefused) {
  HeaderBuilder builder;
  builder.extension(extension::crypto_header, std::string(16, '\0'));
  EXPECT_TRUE(refuses(builder, ErrorKind::corrupt, "not encrypted"));
}

TEST(Features, Case13_DataFileIsNamedByItsExtension) {
  HeaderBuilder builder;
  builder.u64(field::incompatible, 4).extension(extension::data_file, "dir/data.raw");
  const auto header = builder.good();
  EXPECT_TRUE(header.has(Incompatible::data_file));
  EXPECT_EQ(header.data_file, "dir/data.raw");
  EXPECT_FALSE(header.raw_data_file());
}

TEST(Features, Case13_DataFileWithoutANameIsLeftToTheOpener) {
  // QEMU takes such an image too, when the data file is given beside it.
  EXPECT_EQ(HeaderBuilder().u64(field::incompatible, 4).good().data_file, std::nullopt);
}

TEST(Features, Case13_DataFileNameWithoutTheBitIsIgnored) {
  HeaderBuilder builder;
  EXPECT_EQ(builder.extension(extension::data_file, "data.raw").good().data_file, std::nullopt);
}

TEST(Features, Case13_RawDataFileWithBackingIsReadable) {
  // QEMU refuses to make one, and reads it.
  HeaderBuilder builder;
  builder.u64(field::incompatible, 4).u64(field::autoclear, 2).extension(extension::data_file, "d").backing(1024, "b");
  const auto header = builder.good();
  EXPECT_TRUE(header.raw_data_file());
  EXPECT_EQ(header.backing_file, "b");
}

TEST(Features, Case13_RawDataFileBitWithoutADataFileIsRefused) {
  EXPECT_TRUE(refuses(HeaderBuilder().u64(field::autoclear, 2), ErrorKind::corrupt, "raw-data-file bit"));
}

}  // namespace
}  // namespace qchain::test
