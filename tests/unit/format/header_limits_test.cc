// Numbers that QEMU refuses must be refused before anything is allocated by them.
#include <gtest/gtest.h>

#include <limits>

#include "tests/unit/format/header_builder.h"

namespace qchain::test {
namespace {

constexpr std::uint32_t max_u32 = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint64_t max_u64 = std::numeric_limits<std::uint64_t>::max();

TEST(HeaderLimits, OtherMagicIsNotQcow2) {
  EXPECT_TRUE(refuses(HeaderBuilder().u8(3, 0xfa), ErrorKind::corrupt, "not a qcow2 image"));
}

TEST(HeaderLimits, EmptyFileIsNotQcow2) {
  const auto header = format::parse_header({});
  ASSERT_FALSE(header);
  EXPECT_EQ(header.error().kind, ErrorKind::corrupt);
}

TEST(HeaderLimits, FileOfAFewBytesIsTooShort) {
  const HeaderBuilder builder;
  const auto header = format::parse_header(Bytes(builder.bytes()).first(23));
  ASSERT_FALSE(header);
  EXPECT_EQ(header.error().what, "file is too short for a qcow2 header");
}

TEST(HeaderLimits, OtherVersionsAreRefusedByNumber) {
  for (const std::uint32_t version : {0U, 1U, 4U, max_u32}) {
    EXPECT_TRUE(refuses(HeaderBuilder().u32(field::version, version), ErrorKind::unsupported,
                        "version " + std::to_string(version)));
  }
}

TEST(HeaderLimits, Case26_ClusterSizeOutsideTheLimits) {
  for (const std::uint32_t bits : {0U, 8U, 22U, 63U, max_u32}) {
    EXPECT_TRUE(refuses(HeaderBuilder().u32(field::cluster_bits, bits), ErrorKind::limit, "cluster size"));
  }
}

TEST(HeaderLimits, EveryClusterSizeWithinTheLimits) {
  for (std::uint32_t bits = 9; bits <= 21; ++bits) {
    HeaderBuilder builder;
    builder.cluster_bits(bits).u64(field::virtual_size, 512);
    EXPECT_EQ(builder.good().cluster_size(), 1ULL << bits);
  }
}

TEST(HeaderLimits, Case26_HeaderShorterThanVersion3) {
  for (const std::uint32_t length : {0U, 72U, 103U}) {
    EXPECT_TRUE(refuses(HeaderBuilder().u32(field::header_length, length), ErrorKind::corrupt, "too short"));
  }
}

TEST(HeaderLimits, Case26_HeaderLongerThanTheCluster) {
  for (const std::uint32_t length : {65537U, 65544U, max_u32}) {
    EXPECT_TRUE(refuses(HeaderBuilder().u32(field::header_length, length), ErrorKind::corrupt, "exceeds the cluster"));
  }
}

TEST(HeaderLimits, Case26_RefcountOrderPast64Bits) {
  for (const std::uint32_t order : {7U, max_u32}) {
    EXPECT_TRUE(refuses(HeaderBuilder().u32(field::refcount_order, order), ErrorKind::limit, "refcount order"));
  }
}

TEST(HeaderLimits, Case26_NoRefcountTable) {
  EXPECT_TRUE(refuses(HeaderBuilder().u32(field::refcount_table_clusters, 0), ErrorKind::corrupt, "no refcount table"));
}

TEST(HeaderLimits, Case26_RefcountTableOf8MiBIsTheLargest) {
  EXPECT_EQ(HeaderBuilder().u32(field::refcount_table_clusters, 128).good().refcount_table_clusters, 128U);
  for (const std::uint32_t clusters : {129U, max_u32}) {
    EXPECT_TRUE(refuses(HeaderBuilder().u32(field::refcount_table_clusters, clusters), ErrorKind::limit,
                        "refcount table is too large"));
  }
}

TEST(HeaderLimits, RefcountTableOffTheClusterBorder) {
  EXPECT_TRUE(refuses(HeaderBuilder().u64(field::refcount_table_offset, 0x10200), ErrorKind::corrupt,
                      "refcount table at 0x10200 does not begin on a cluster border"));
}

TEST(HeaderLimits, RefcountTablePastTheLargestOffset) {
  for (const std::uint64_t offset : {0x7fffffffffff0000ULL, 0x8000000000000000ULL, 0xffffffffffff0000ULL}) {
    EXPECT_TRUE(refuses(HeaderBuilder().u64(field::refcount_table_offset, offset), ErrorKind::corrupt,
                        "refcount table lies past"));
  }
}

TEST(HeaderLimits, Case26_SnapshotCountOf65536IsTheLargest) {
  EXPECT_EQ(HeaderBuilder().u32(field::snapshot_count, 65536).good().snapshot_count, 65536U);
  for (const std::uint32_t count : {65537U, max_u32}) {
    EXPECT_TRUE(
        refuses(HeaderBuilder().u32(field::snapshot_count, count), ErrorKind::limit, "snapshot table is too large"));
  }
}

TEST(HeaderLimits, Case26_SnapshotTableOffTheClusterBorder) {
  // QEMU refuses this even when the image has no snapshots.
  EXPECT_TRUE(refuses(HeaderBuilder().u64(field::snapshots_offset, 1), ErrorKind::corrupt, "snapshot table at 0x1"));
}

TEST(HeaderLimits, Case26_SnapshotTablePastTheLargestOffset) {
  EXPECT_TRUE(refuses(HeaderBuilder().u64(field::snapshots_offset, 0xffffffffffff0000), ErrorKind::corrupt,
                      "snapshot table lies past"));
}

TEST(HeaderLimits, EmptySnapshotTableMayLieFarOut) {
  EXPECT_TRUE(HeaderBuilder().u64(field::snapshots_offset, 0x7fffffffffff0000).parse());
  EXPECT_TRUE(refuses(HeaderBuilder().u64(field::snapshots_offset, 0x7fffffffffff0000).u32(field::snapshot_count, 1),
                      ErrorKind::corrupt, "snapshot table lies past"));
}

TEST(HeaderLimits, Case25_L1Of32MiBIsTheLargest) {
  EXPECT_EQ(HeaderBuilder().u32(field::l1_entries, 4'194'304).good().l1_entries, 4'194'304U);
  for (const std::uint32_t entries : {4'194'305U, max_u32}) {
    EXPECT_TRUE(refuses(HeaderBuilder().u32(field::l1_entries, entries), ErrorKind::limit, "L1 table is too large"));
  }
}

TEST(HeaderLimits, L1OffTheClusterBorder) {
  EXPECT_TRUE(refuses(HeaderBuilder().u64(field::l1_offset, 0x30200), ErrorKind::corrupt, "L1 table at 0x30200"));
}

TEST(HeaderLimits, L1PastTheLargestOffset) {
  for (const std::uint64_t offset : {0x7fffffffffff0000ULL, 0xffffffffffff0000ULL}) {
    EXPECT_TRUE(refuses(HeaderBuilder().u64(field::l1_offset, offset), ErrorKind::corrupt, "L1 table lies past"));
  }
}

TEST(HeaderLimits, Case6_L1MustCoverTheVirtualSize) {
  EXPECT_TRUE(HeaderBuilder().u64(field::virtual_size, 512ULL << 20).parse());
  EXPECT_TRUE(refuses(HeaderBuilder().u64(field::virtual_size, (512ULL << 20) + 1), ErrorKind::corrupt,
                      "L1 table is too small: 1 entries, 2 are needed"));
}

TEST(HeaderLimits, Case26_L1SizeZeroCoversNothing) {
  EXPECT_TRUE(refuses(HeaderBuilder().u32(field::l1_entries, 0), ErrorKind::corrupt, "L1 table is too small"));
}

TEST(HeaderLimits, Case25_TwoPebibytesAreTheMostWith64KiBClusters) {
  HeaderBuilder builder;
  builder.u32(field::l1_entries, 4'194'304).u64(field::virtual_size, 2ULL << 50);
  EXPECT_EQ(builder.good().virtual_size, 2ULL << 50);
  EXPECT_TRUE(refuses(builder.u64(field::virtual_size, (2ULL << 50) + 1), ErrorKind::limit, "too large"));
}

TEST(HeaderLimits, Case25_TwoExbibytesAreTheMostWith2MiBClusters) {
  HeaderBuilder builder;
  builder.cluster_bits(21).u32(field::l1_entries, 4'194'304).u64(field::virtual_size, 2ULL << 60);
  EXPECT_EQ(builder.good().virtual_size, 2ULL << 60);
}

TEST(HeaderLimits, VirtualSizeNearTheTopDoesNotWrap) {
  // Rounding these up to a whole L1 entry would pass 2^64 and ask for none.
  for (const std::uint64_t size : {max_u64, max_u64 - 511, max_u64 - (512UL << 20), max_u64 / 2}) {
    EXPECT_TRUE(refuses(HeaderBuilder().u64(field::virtual_size, size), ErrorKind::limit, "virtual size"));
  }
}

}  // namespace
}  // namespace qchain::test
