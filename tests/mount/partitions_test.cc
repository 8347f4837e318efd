#include "fusefs/partitions.h"

#include <gtest/gtest.h>

#include <ostream>

#include "tests/mount/partition_builder.h"
#include "tests/support/seed.h"

namespace qchain::fusefs {

// For the messages of failed tests; found by its argument's namespace.
static void PrintTo(const Partition& p, std::ostream* out) {
  *out << p.number << " at " << p.range.start << " +" << p.range.length;
}

}  // namespace qchain::fusefs

namespace qchain::test {
namespace {

using fusefs::Partition;
using Partitions = std::vector<Partition>;
using Gpt = PartitionBuilder::GptPlace;

constexpr std::uint64_t sector = 512;
constexpr std::size_t disk_sectors = 2048;

Partition partition(std::uint32_t number, std::uint64_t first, std::uint64_t sectors) {
  return {number, {first * sector, sectors * sector}};
}

class PartitionTable : public testing::Test {
 protected:
  Partitions found() {
    const auto partitions = fusefs::find_partitions(disk_.reader());
    EXPECT_TRUE(partitions) << describe(partitions.error());
    return partitions.value_or(Partitions{});
  }

  PartitionBuilder disk_{disk_sectors * sector};
};

TEST_F(PartitionTable, IsEmptyOnAnEmptyDisk) {
  EXPECT_EQ(found(), Partitions{});
}

TEST_F(PartitionTable, IsEmptyOnADiskWithoutASector) {
  disk_.bytes.clear();
  EXPECT_EQ(found(), Partitions{});
}

TEST_F(PartitionTable, ListsPrimaryPartitionsByTheirSlot) {
  disk_.boot_record(0, {{0x83, 64, 100}, {}, {0x07, 200, 50, 0x80}});
  EXPECT_EQ(found(), (Partitions{partition(1, 64, 100), partition(3, 200, 50)}));
}

TEST_F(PartitionTable, IsNoneWhereAFileSystemsBootSectorHasCode) {
  disk_.boot_record(0, {{0x83, 64, 100, 0x12}});
  EXPECT_EQ(found(), Partitions{});
}

TEST_F(PartitionTable, CutsAPartitionAtTheEndOfTheDisk) {
  disk_.boot_record(0, {{0x83, 2000, 100}});
  EXPECT_EQ(found(), (Partitions{partition(1, 2000, 48)}));
}

TEST_F(PartitionTable, LeavesOutWhatLiesPastTheDisk) {
  disk_.boot_record(0, {{0x83, 0xffffffff, 0xffffffff}});
  EXPECT_EQ(found(), Partitions{});
}

TEST_F(PartitionTable, FollowsLogicalPartitions) {
  disk_.boot_record(0, {{0x83, 10, 90}, {0x05, 100, 1000}});
  disk_.boot_record(100, {{0x83, 1, 99}, {0x05, 100, 100}});
  disk_.boot_record(200, {{0x82, 2, 98}, {0x05, 300, 100}});
  disk_.boot_record(400, {{0x83, 1, 50}});
  EXPECT_EQ(found(),
            (Partitions{partition(1, 10, 90), partition(5, 101, 99), partition(6, 202, 98), partition(7, 401, 50)}));
}

/// As fdisk leaves it when a partition was added before others: the list ends where it was added.
TEST_F(PartitionTable, FollowsLogicalPartitionsInTheOrderOfTheirList) {
  disk_.boot_record(0, {{0x05, 100, 1000}});
  disk_.boot_record(100, {{0, 0, 0}, {0x05, 500, 100}});  // nothing in it: it takes no number
  disk_.boot_record(600, {{0x83, 1, 50, 0x12}, {0x05, 200, 100, 0x34}});
  disk_.boot_record(300, {{0x83, 1, 60}});
  EXPECT_EQ(found(), (Partitions{partition(5, 601, 50), partition(6, 301, 60)}));
}

TEST_F(PartitionTable, EndsAtALoopOfLogicalPartitions) {
  disk_.boot_record(0, {{0x0f, 100, 1000}});
  disk_.boot_record(100, {{0x83, 1, 10}, {0x05, 100, 100}});
  disk_.boot_record(200, {{0x83, 1, 10}, {0x05, 0, 100}});
  EXPECT_EQ(found(), (Partitions{partition(5, 101, 10), partition(6, 201, 10)}));
}

TEST_F(PartitionTable, IsBoundedWhenTheListIsEndless) {
  PartitionBuilder big(600 * sector);
  big.boot_record(0, {{0x05, 1, 599}});
  for (std::uint32_t i = 1; i < 599; ++i) {
    big.boot_record(i, {{0x83, 1, 1}, {0x05, i, 1}});
  }
  const auto partitions = fusefs::find_partitions(big.reader());
  ASSERT_TRUE(partitions);
  EXPECT_EQ(partitions->size(), 128U);
}

class GptTable : public PartitionTable {
 protected:
  void SetUp() override { disk_.boot_record(0, {{0xee, 1, 0xffffffff}}); }
};

TEST_F(GptTable, ListsEntriesByTheirPlace) {
  disk_.gpt({}, {{40, 99}, {0, 0, 0}, {100, 100}});
  EXPECT_EQ(found(), (Partitions{partition(1, 40, 60), partition(3, 100, 1)}));
}

TEST_F(GptTable, IsTakenFromTheEndOfTheDiskWhenTheFirstIsDamaged) {
  disk_.gpt({}, {{40, 99}});
  disk_.gpt({disk_sectors - 1, disk_sectors - 33}, {{50, 59}});
  disk_.put<std::uint32_t>(512 + 72, 3);
  EXPECT_EQ(found(), (Partitions{partition(1, 50, 10)}));
}

TEST_F(GptTable, IsNotTakenWithAWrongTable) {
  disk_.gpt({}, {{40, 99}});
  disk_.put<std::uint64_t>(1024 + 32, 41);
  EXPECT_EQ(found(), Partitions{});
}

TEST_F(GptTable, KnowsSectorsOf4096Bytes) {
  disk_.gpt({1, 2, 4096}, {{10, 19}});
  EXPECT_EQ(found(), (Partitions{{1, {40960, 40960}}}));
}

TEST_F(GptTable, CutsAndLeavesOutWhatDoesNotFit) {
  disk_.gpt({}, {{2000, 5000}, {5000, 6000}, {60, 50}, {0, 10}, {100, UINT64_MAX}});
  EXPECT_EQ(found(), (Partitions{partition(1, 2000, 48), partition(5, 100, 1948)}));
}

TEST_F(GptTable, RefusesCountsBeyondItsBound) {
  disk_.gpt({}, {{40, 99}});
  disk_.put<std::uint32_t>(512 + 80, 0xffffffff);
  disk_.seal({});
  EXPECT_EQ(found(), Partitions{});
}

TEST_F(GptTable, RefusesATablePastTheDisk) {
  disk_.gpt({}, {{40, 99}});
  disk_.put<std::uint64_t>(512 + 72, UINT64_MAX / 512);
  disk_.seal({});
  EXPECT_EQ(found(), Partitions{});
}

TEST(AnyPartitionTable, GivesPartitionsInsideTheDiskWhateverItsBytes) {
  Random random(announced_seed());
  for (int round = 0; round < 2000; ++round) {
    PartitionBuilder disk((1 + random.below(80)) * sector);
    disk.boot_record(0, {{0x05, static_cast<std::uint32_t>(random.below(80)), 1000}, {0xee, 1, 9}});
    if (disk.bytes.size() > 4 * sector) {
      disk.gpt({}, {{random.below(100), random.below(100)}});
    }
    for (int i = 0; i < 20; ++i) {
      disk.bytes[random.below(disk.bytes.size())] = static_cast<std::byte>(random.below(256));
    }
    disk.put<std::uint16_t>(510, 0xaa55);
    const auto partitions = fusefs::find_partitions(disk.reader());
    ASSERT_TRUE(partitions);
    for (const Partition& p : *partitions) {
      EXPECT_TRUE(!p.range.empty() && fits(p.range.start, p.range.length, disk.bytes.size()))
          << testing::PrintToString(p);
    }
  }
}

TEST(PartitionTableRead, PassesOnTheErrorOfReading) {
  const fusefs::DiskReader broken{4096, [](std::uint64_t, MutableBytes) { return fail(ErrorKind::io, "no"); }};
  const auto partitions = fusefs::find_partitions(broken);
  ASSERT_FALSE(partitions);
  EXPECT_EQ(partitions.error().what, "no");
}

}  // namespace
}  // namespace qchain::test
