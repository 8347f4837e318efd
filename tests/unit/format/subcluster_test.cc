// Extended L2 entries: 32 subclusters, each with an allocation bit and a zero bit.
#include <gtest/gtest.h>

#include "qcow/format/l2.h"
#include "tests/support/seed.h"

namespace qchain::test {
namespace {

using format::Allocation;
using format::decode_l2;
using format::Fault;
using format::Header;
using format::Incompatible;
using format::L2Entry;
using format::subcluster_run;

constexpr std::uint64_t copied = 1ULL << 63;
constexpr std::uint64_t compressed = 1ULL << 62;
constexpr std::uint64_t host = copied | 0x50000;

Header extended(Incompatible also = Incompatible::extended_l2) {
  Header header;
  header.incompatible = static_cast<std::uint64_t>(Incompatible::extended_l2) | static_cast<std::uint64_t>(also);
  return header;
}

constexpr std::uint64_t bitmap_of(std::uint32_t zero, std::uint32_t allocated) {
  return std::uint64_t{zero} << 32 | allocated;
}

/// What subcluster `index` is, read off the bits one by one.
Allocation one_by_one(std::uint64_t bitmap, std::uint32_t index) {
  if ((bitmap >> (32 + index) & 1) != 0) {
    return Allocation::zero;
  }
  return (bitmap >> index & 1) != 0 ? Allocation::data : Allocation::unallocated;
}

void expect_runs_as_one_by_one(const L2Entry& entry) {
  for (std::uint32_t first = 0; first < 32; ++first) {
    std::uint32_t count = 1;
    while (first + count < 32 && one_by_one(entry.bitmap, first + count) == one_by_one(entry.bitmap, first)) {
      ++count;
    }
    const auto run = subcluster_run(entry, first);
    ASSERT_EQ(run.allocation, one_by_one(entry.bitmap, first)) << std::hex << entry.bitmap << " at " << first;
    ASSERT_EQ(run.count, count) << std::hex << entry.bitmap << " at " << first;
  }
}

TEST(Subclusters, BitmapDecides) {
  const auto entry = decode_l2(extended(), host, bitmap_of(1U << 2, 1U << 0), 0);
  EXPECT_TRUE(entry.per_subcluster);
  EXPECT_EQ(entry.allocation, Allocation::data);
  EXPECT_EQ(entry.host_offset, 0x50000U);
  EXPECT_EQ(subcluster_run(entry, 0).allocation, Allocation::data);
  EXPECT_EQ(subcluster_run(entry, 1).allocation, Allocation::unallocated);
  EXPECT_EQ(subcluster_run(entry, 2).allocation, Allocation::zero);
  EXPECT_EQ(subcluster_run(entry, 3).allocation, Allocation::unallocated);
  EXPECT_EQ(subcluster_run(entry, 3).count, 29U);
}

TEST(Subclusters, EmptyEntryIsOneUnallocatedRun) {
  const auto entry = decode_l2(extended(), 0, 0, 0);
  EXPECT_EQ(entry.allocation, Allocation::unallocated);
  const auto run = subcluster_run(entry, 0);
  EXPECT_EQ(run.allocation, Allocation::unallocated);
  EXPECT_EQ(run.count, 32U);
}

TEST(Subclusters, FullEntryIsOneRunOfData) {
  const auto run = subcluster_run(decode_l2(extended(), host, bitmap_of(0, 0xffffffff), 0), 0);
  EXPECT_EQ(run.allocation, Allocation::data);
  EXPECT_EQ(run.count, 32U);
}

TEST(Subclusters, Case12_ZerosNeedNoHostCluster) {
  const auto entry = decode_l2(extended(), 0, bitmap_of(0xffffffff, 0), 0);
  EXPECT_EQ(entry.allocation, Allocation::unallocated);
  EXPECT_FALSE(entry.has_host_offset);
  const auto run = subcluster_run(entry, 0);
  EXPECT_EQ(run.allocation, Allocation::zero);
  EXPECT_EQ(run.count, 32U);
}

TEST(Subclusters, Case12_UnallocatedInsideAnAllocatedClusterReadsTheBackingFile) {
  const auto entry = decode_l2(extended(), host, 0, 0);
  EXPECT_TRUE(entry.has_host_offset);
  EXPECT_EQ(subcluster_run(entry, 0).allocation, Allocation::unallocated);
}

TEST(Subclusters, Case12_AllocatedAndZeroSpoilsTheWholeEntry) {
  const auto entry = decode_l2(extended(), host, bitmap_of(1U << 31, 1U << 31 | 1), 0);
  EXPECT_EQ(entry.allocation, Allocation::invalid);
  EXPECT_EQ(entry.fault, Fault::subcluster_both);
  EXPECT_FALSE(entry.per_subcluster);
}

TEST(Subclusters, Case12_AllocatedWithoutHostOffsetSpoilsTheWholeEntry) {
  const auto entry = decode_l2(extended(), 0, bitmap_of(1U << 2, 1), 0);
  EXPECT_EQ(entry.allocation, Allocation::invalid);
  EXPECT_EQ(entry.fault, Fault::subcluster_no_offset);
}

TEST(Subclusters, Case18_MisalignedHostOffsetSpoilsTheWholeEntry) {
  EXPECT_EQ(decode_l2(extended(), 0x50200, bitmap_of(0xffffffff, 0), 0).fault, Fault::misaligned_cluster);
}

TEST(Subclusters, ZeroFlagOfPlainEntriesIsReserved) {
  const auto entry = decode_l2(extended(), host | 1, bitmap_of(0, 1), 0);
  EXPECT_EQ(entry.allocation, Allocation::data);
  EXPECT_EQ(subcluster_run(entry, 0).allocation, Allocation::data);
}

TEST(Subclusters, Case10_CompressedEntryIgnoresTheBitmap) {
  const auto entry = decode_l2(extended(), compressed | 0x50000, ~0ULL, 0);
  EXPECT_EQ(entry.allocation, Allocation::compressed);
  EXPECT_FALSE(entry.per_subcluster);
  EXPECT_EQ(entry.compressed.offset, 0x50000U);
}

TEST(Subclusters, Case13_DataFileAtOffsetZeroNeedsBit63) {
  const auto header = extended(Incompatible::data_file);
  EXPECT_EQ(subcluster_run(decode_l2(header, copied, bitmap_of(0, 1), 0), 0).allocation, Allocation::data);
  EXPECT_EQ(subcluster_run(decode_l2(header, copied | 1, bitmap_of(0, 1), 0), 0).allocation, Allocation::data);
  EXPECT_EQ(decode_l2(header, 0, bitmap_of(0, 1), 0).fault, Fault::subcluster_no_offset);
}

TEST(Subclusters, Case13_DataFileOffsetIsCheckedWhateverTheBitmap) {
  EXPECT_EQ(decode_l2(extended(Incompatible::data_file), 0x20000, bitmap_of(1, 0), 0).fault, Fault::data_file_offset);
}

TEST(Subclusters, RunsOfEveryLengthAndPlace) {
  for (std::uint32_t start = 0; start < 32; ++start) {
    for (std::uint32_t length = 1; start + length <= 32; ++length) {
      const auto run = static_cast<std::uint32_t>(((1ULL << length) - 1) << start);
      expect_runs_as_one_by_one(decode_l2(extended(), host, bitmap_of(run, 0), 0));
      expect_runs_as_one_by_one(decode_l2(extended(), host, bitmap_of(0, run), 0));
      expect_runs_as_one_by_one(decode_l2(extended(), host, bitmap_of(~run, run), 0));
    }
  }
}

TEST(Subclusters, RandomBitmapsAgreeWithReadingBitByBit) {
  Random random(announced_seed());
  for (int round = 0; round < 2000; ++round) {
    const auto zero = static_cast<std::uint32_t>(random.below(1ULL << 32));
    const auto allocated = static_cast<std::uint32_t>(random.below(1ULL << 32)) & ~zero;
    const auto entry = decode_l2(extended(), host, bitmap_of(zero, allocated), 0);
    ASSERT_TRUE(entry.per_subcluster);
    expect_runs_as_one_by_one(entry);
  }
}

}  // namespace
}  // namespace qchain::test
