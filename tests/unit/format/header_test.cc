// The fixed fields: what is read from where, in versions 2 and 3.
#include <gtest/gtest.h>

#include "tests/unit/format/header_builder.h"

namespace qchain::test {
namespace {

TEST(Header, ReadsEveryField) {
  HeaderBuilder builder;
  builder.u64(field::l1_offset, 0x50000).u32(field::l1_entries, 7).u64(field::refcount_table_offset, 0x60000);
  builder.u32(field::refcount_table_clusters, 2).u32(field::snapshot_count, 3).u64(field::snapshots_offset, 0x70000);
  builder.u64(field::compatible, 1).u32(field::refcount_order, 5);
  const auto header = builder.good();
  EXPECT_EQ(header.version, 3U);
  EXPECT_EQ(header.cluster_bits, 16U);
  EXPECT_EQ(header.virtual_size, 64ULL << 20);
  EXPECT_EQ(header.l1_offset, 0x50000U);
  EXPECT_EQ(header.l1_entries, 7U);
  EXPECT_EQ(header.refcount_table_offset, 0x60000U);
  EXPECT_EQ(header.refcount_table_clusters, 2U);
  EXPECT_EQ(header.snapshot_count, 3U);
  EXPECT_EQ(header.snapshots_offset, 0x70000U);
  EXPECT_EQ(header.compatible, format::compatible_lazy_refcounts);
  EXPECT_EQ(header.refcount_order, 5U);
}

TEST(Header, DerivesTheSizesOfTables) {
  const auto header = HeaderBuilder().good();
  EXPECT_EQ(header.l2_entry_size(), 8U);
  EXPECT_EQ(header.l2_entries(), 8192U);
  EXPECT_EQ(header.l1_entry_span(), 512ULL << 20);
  EXPECT_EQ(header.allocation_unit(), 65536U);
}

TEST(Header, ExtendedL2DerivesTheSizesOfSubclusters) {
  const auto header = HeaderBuilder().u64(field::incompatible, 0x10).good();
  EXPECT_EQ(header.l2_entry_size(), 16U);
  EXPECT_EQ(header.l2_entries(), 4096U);
  EXPECT_EQ(header.l1_entry_span(), 256ULL << 20);
  EXPECT_EQ(header.allocation_unit(), 2048U);
}

TEST(Header, Case1_Version2EndsAfter72Bytes) {
  HeaderBuilder builder;
  builder.version_2().extension(extension::backing_format, "raw").backing(512, "base");
  const auto header = builder.good();
  EXPECT_EQ(header.version, 2U);
  EXPECT_EQ(header.header_length, 72U);
  EXPECT_EQ(header.backing_format, "raw");
  EXPECT_EQ(header.backing_file, "base");
}

TEST(Header, Case1_Version2ReadsNoVersion3Field) {
  // An unknown extension lies where version 3 has its feature bits: its bytes must not be taken for them.
  HeaderBuilder builder;
  builder.version_2().extension(0x12345678, std::string(48, '\xff'));
  const auto header = builder.good();
  EXPECT_EQ(header.incompatible, 0U);
  EXPECT_EQ(header.compatible, 0U);
  EXPECT_EQ(header.autoclear, 0U);
  EXPECT_EQ(header.refcount_order, 4U);
  EXPECT_EQ(header.compression, format::CompressionType::zlib);
}

TEST(Header, Case2_Length104HasNoCompressionByte) {
  // Byte 104 belongs to the first extension here; were it read, it would name compression type 0x12.
  HeaderBuilder builder;
  builder.header_length(104).extension(0x12345678, "data");
  const auto header = builder.good();
  EXPECT_EQ(header.compression, format::CompressionType::zlib);
  ASSERT_EQ(header.unknown_extensions.size(), 1U);
  EXPECT_EQ(header.unknown_extensions[0].type, 0x12345678U);
}

TEST(Header, Case2_Length112HasTheCompressionByte) {
  HeaderBuilder builder;
  builder.u8(field::compression, 1).u64(field::incompatible, 8);
  EXPECT_EQ(builder.good().compression, format::CompressionType::zstd);
}

TEST(Header, Case2_Length105HasTheCompressionByteToo) {
  HeaderBuilder builder;
  builder.header_length(105).u8(field::compression, 1).u64(field::incompatible, 8);
  EXPECT_EQ(builder.good().compression, format::CompressionType::zstd);
}

TEST(Header, Case2_UnknownTailIsKept) {
  HeaderBuilder builder;
  builder.header_length(128).text(112, "future field 128").extension(extension::backing_format, "qcow2");
  const auto header = builder.good();
  EXPECT_EQ(header.unknown_fields, bytes_of_text("future field 128"));
  EXPECT_EQ(header.backing_format, "qcow2");
}

TEST(Header, Case2_LengthOfAWholeClusterLeavesNoExtensions) {
  const auto header = HeaderBuilder().header_length(65536).good();
  EXPECT_EQ(header.unknown_fields.size(), 65536U - 112);
  EXPECT_TRUE(header.unknown_extensions.empty());
}

TEST(Header, VirtualSizeIsRoundedDownToASector) {
  EXPECT_EQ(HeaderBuilder().u64(field::virtual_size, 1'048'676).good().virtual_size, 1'048'576U);
}

TEST(Header, Case25_EmptyDiskNeedsNoL1Table) {
  const auto header = HeaderBuilder().u64(field::virtual_size, 0).u32(field::l1_entries, 0).good();
  EXPECT_EQ(header.virtual_size, 0U);
  EXPECT_EQ(header.l1_entries, 0U);
}

TEST(Header, ShortFileIsReadAsIfZerosFollowed) {
  HeaderBuilder builder;
  builder.version_2();
  EXPECT_TRUE(format::parse_header(Bytes(builder.bytes()).first(72)));
}

TEST(Header, BytesPastTheFirstClusterAreNotLookedAt) {
  HeaderBuilder builder;
  builder.cluster_bits(9).u64(field::virtual_size, 512);
  ByteVector longer = builder.bytes();
  longer.resize(4096, std::byte{0xff});
  EXPECT_TRUE(format::parse_header(longer));
}

TEST(Header, Case16_EveryRefcountWidthIsAccepted) {
  for (std::uint32_t order = 0; order <= 6; ++order) {
    EXPECT_EQ(HeaderBuilder().u32(field::refcount_order, order).good().refcount_order, order);
  }
}

TEST(HeaderClusterSize, TellsTheClusterFromTheFirstBytes) {
  HeaderBuilder builder;
  builder.cluster_bits(21);
  const auto size = format::header_cluster_size(Bytes(builder.bytes()).first(112));
  ASSERT_TRUE(size);
  EXPECT_EQ(*size, 2U << 20);
}

TEST(LooksLikeQcow2, NeedsTheWholeMagic) {
  const HeaderBuilder builder;
  EXPECT_TRUE(format::looks_like_qcow2(Bytes(builder.bytes()).first(4)));
  EXPECT_FALSE(format::looks_like_qcow2(Bytes(builder.bytes()).first(3)));
  EXPECT_FALSE(format::looks_like_qcow2({}));
  EXPECT_FALSE(format::looks_like_qcow2(bytes_of_text("QFI\xfa")));
}

}  // namespace
}  // namespace qchain::test
