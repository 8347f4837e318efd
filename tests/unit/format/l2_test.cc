// L1 and L2 entries without subclusters.
#include "qcow/format/l2.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace qchain::test {
namespace {

using format::Allocation;
using format::decode_l1;
using format::decode_l2;
using format::Fault;
using format::Header;
using format::Incompatible;

constexpr std::uint64_t copied = 1ULL << 63;
constexpr std::uint64_t compressed = 1ULL << 62;

Header plain() {
  return {};
}

Header version_2() {
  Header header;
  header.version = 2;
  return header;
}

Header with_data_file() {
  Header header;
  header.incompatible = static_cast<std::uint64_t>(Incompatible::data_file);
  return header;
}

Header with_cluster_bits(std::uint32_t bits) {
  Header header;
  header.cluster_bits = bits;
  return header;
}

TEST(L2Entry, ZeroIsUnallocated) {
  const auto entry = decode_l2(plain(), 0, 0, 0);
  EXPECT_EQ(entry.allocation, Allocation::unallocated);
  EXPECT_FALSE(entry.has_host_offset);
  EXPECT_FALSE(entry.per_subcluster);
}

TEST(L2Entry, HostOffsetIsData) {
  const auto entry = decode_l2(plain(), copied | 0x50000, 0, 0x20000);
  EXPECT_EQ(entry.allocation, Allocation::data);
  EXPECT_TRUE(entry.has_host_offset);
  EXPECT_EQ(entry.host_offset, 0x50000U);
  EXPECT_EQ(entry.fault, Fault::none);
}

TEST(L2Entry, Case17_CopiedFlagMeansNothingForReading) {
  EXPECT_EQ(decode_l2(plain(), 0x50000, 0, 0).allocation, Allocation::data);
  EXPECT_EQ(decode_l2(plain(), copied, 0, 0).allocation, Allocation::unallocated);
}

TEST(L2Entry, Case17_ReservedBitsAreMasked) {
  constexpr std::uint64_t reserved = 0x1feULL | (0x3fULL << 56);
  const auto entry = decode_l2(plain(), reserved | 0x50000, 0, 0);
  EXPECT_EQ(entry.allocation, Allocation::data);
  EXPECT_EQ(entry.host_offset, 0x50000U);
  EXPECT_EQ(decode_l2(plain(), reserved, 0, 0).allocation, Allocation::unallocated);
}

TEST(L2Entry, HostOffsetHasBits9To55) {
  const auto entry = decode_l2(with_cluster_bits(9), 0x00fffffffffffe00, 0, 0);
  EXPECT_EQ(entry.allocation, Allocation::data);
  EXPECT_EQ(entry.host_offset, 0x00fffffffffffe00U);
}

TEST(L2Entry, Case4_ZeroFlagWithoutHostOffset) {
  const auto entry = decode_l2(plain(), 1, 0, 0);
  EXPECT_EQ(entry.allocation, Allocation::zero);
  EXPECT_FALSE(entry.has_host_offset);
}

TEST(L2Entry, Case4_ZeroFlagKeepsItsHostCluster) {
  const auto entry = decode_l2(plain(), copied | 0x50001, 0, 0);
  EXPECT_EQ(entry.allocation, Allocation::zero);
  EXPECT_TRUE(entry.has_host_offset);
  EXPECT_EQ(entry.host_offset, 0x50000U);
}

TEST(L2Entry, Case4_ZeroFlagInVersion2IsAFault) {
  for (const std::uint64_t raw : {std::uint64_t{1}, copied | 0x50001}) {
    const auto entry = decode_l2(version_2(), raw, 0, 0);
    EXPECT_EQ(entry.allocation, Allocation::invalid);
    EXPECT_EQ(entry.fault, Fault::zero_flag_in_v2);
  }
}

TEST(L2Entry, Version2ReadsDataAndHoles) {
  EXPECT_EQ(decode_l2(version_2(), copied | 0x50000, 0, 0).allocation, Allocation::data);
  EXPECT_EQ(decode_l2(version_2(), 0, 0, 0).allocation, Allocation::unallocated);
}

TEST(L2Entry, Case18_MisalignedHostOffsetIsAFault) {
  const auto entry = decode_l2(plain(), 0x50200, 0, 0);
  EXPECT_EQ(entry.allocation, Allocation::invalid);
  EXPECT_EQ(entry.fault, Fault::misaligned_cluster);
}

TEST(L2Entry, Case18_MisalignedZeroClusterIsAFaultToo) {
  EXPECT_EQ(decode_l2(plain(), 0x50201, 0, 0).fault, Fault::misaligned_cluster);
}

TEST(L2Entry, Case9_CompressedWith64KiBClusters) {
  // 62 - (16 - 8) = 54 bits of offset, then 8 bits of sectors less one.
  const auto entry = decode_l2(plain(), compressed | (2ULL << 54) | 0x50123, 0, 0);
  EXPECT_EQ(entry.allocation, Allocation::compressed);
  EXPECT_FALSE(entry.has_host_offset);
  EXPECT_EQ(entry.compressed.offset, 0x50123U);
  EXPECT_EQ(entry.compressed.size, 3 * 512U - 0x123);
}

TEST(L2Entry, Case9_CompressedWith512ByteClusters) {
  // 61 bits of offset and 1 of sectors.
  const auto entry = decode_l2(with_cluster_bits(9), compressed | (1ULL << 61) | ((1ULL << 61) - 1), 0, 0);
  EXPECT_EQ(entry.compressed.offset, (1ULL << 61) - 1);
  EXPECT_EQ(entry.compressed.size, 2 * 512U - 511);
}

TEST(L2Entry, Case9_CompressedWith2MiBClusters) {
  // 49 bits of offset and 13 of sectors.
  const auto entry = decode_l2(with_cluster_bits(21), compressed | (0x1fffULL << 49) | 512, 0, 0);
  EXPECT_EQ(entry.compressed.offset, 512U);
  EXPECT_EQ(entry.compressed.size, 8192 * 512U);
}

TEST(L2Entry, Case9_CompressedWithinOneSector) {
  const auto entry = decode_l2(plain(), compressed | 0x501ff, 0, 0);
  EXPECT_EQ(entry.compressed.size, 1U);
}

TEST(L2Entry, CompressedFlagBeatsTheZeroFlag) {
  EXPECT_EQ(decode_l2(plain(), compressed | 0x50001, 0, 0).allocation, Allocation::compressed);
  EXPECT_EQ(decode_l2(version_2(), compressed | 0x50001, 0, 0).allocation, Allocation::compressed);
}

TEST(L2EntryDataFile, Case13_OffsetZeroWithBit63IsAllocated) {
  const auto entry = decode_l2(with_data_file(), copied, 0, 0);
  EXPECT_EQ(entry.allocation, Allocation::data);
  EXPECT_TRUE(entry.has_host_offset);
  EXPECT_EQ(entry.host_offset, 0U);
}

TEST(L2EntryDataFile, Case13_OffsetZeroWithoutBit63IsUnallocated) {
  EXPECT_EQ(decode_l2(with_data_file(), 0, 0, 0).allocation, Allocation::unallocated);
}

TEST(L2EntryDataFile, Case13_ZeroFlagAtOffsetZeroHasNoHostCluster) {
  const auto entry = decode_l2(with_data_file(), copied | 1, 0, 0x10000);
  EXPECT_EQ(entry.allocation, Allocation::zero);
  EXPECT_FALSE(entry.has_host_offset);
}

TEST(L2EntryDataFile, HostOffsetEqualsGuestOffset) {
  EXPECT_EQ(decode_l2(with_data_file(), 0x10000, 0, 0x10000).allocation, Allocation::data);
  EXPECT_EQ(decode_l2(with_data_file(), 0x10001, 0, 0x10000).allocation, Allocation::zero);
}

TEST(L2EntryDataFile, OtherHostOffsetIsAFault) {
  for (const std::uint64_t raw : {copied | 0x20000, std::uint64_t{0x20001}, copied}) {
    EXPECT_EQ(decode_l2(with_data_file(), raw, 0, 0x10000).fault, Fault::data_file_offset);
  }
}

TEST(L2EntryDataFile, CompressedClusterIsAFault) {
  EXPECT_EQ(decode_l2(with_data_file(), compressed | 0x10000, 0, 0x10000).fault, Fault::compressed_in_data_file);
}

TEST(L1Entry, ZeroHasNoTable) {
  EXPECT_EQ(decode_l1(plain(), 0).table_offset, 0U);
  EXPECT_EQ(decode_l1(plain(), 0).fault, Fault::none);
}

TEST(L1Entry, Case17_FlagsAndReservedBitsAreMasked) {
  const auto entry = decode_l1(plain(), copied | (0x7fULL << 56) | 0x1ff | 0x40000);
  EXPECT_EQ(entry.table_offset, 0x40000U);
  EXPECT_EQ(entry.fault, Fault::none);
}

TEST(L1Entry, Case18_MisalignedTableIsAFault) {
  EXPECT_EQ(decode_l1(plain(), copied | 0x40200).fault, Fault::misaligned_table);
  EXPECT_EQ(decode_l1(with_cluster_bits(9), copied | 0x40200).fault, Fault::none);
}

TEST(Faults, EachHasItsOwnWords) {
  std::set<std::string> words;
  constexpr int last = static_cast<int>(Fault::bad_compressed_data);
  for (int fault = 0; fault <= last; ++fault) {
    words.insert(format::describe(static_cast<Fault>(fault)));
  }
  EXPECT_EQ(words.size(), last + 1U);
}

}  // namespace
}  // namespace qchain::test
