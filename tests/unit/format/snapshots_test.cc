// Case 22: the table of internal snapshots, with entries of variable length.
#include <gtest/gtest.h>

#include "qcow/format/tables.h"
#include "tests/unit/format/header_builder.h"

namespace qchain::test {
namespace {

using format::parse_snapshots;

constexpr std::uint64_t disk_size = 64 << 20;

format::Header with_snapshots(std::uint32_t count) {
  format::Header header;
  header.virtual_size = disk_size;
  header.snapshot_count = count;
  return header;
}

struct Entry {
  std::string id = "1";
  std::string name = "alpha";
  ByteVector extra = {};
  std::uint32_t vm_state_size = 0;
};

void put_entry(ByteVector& table, const Entry& entry) {
  put_u64(table, 0x30000);
  put_u32(table, 7);
  put_u16(table, static_cast<std::uint16_t>(entry.id.size()));
  put_u16(table, static_cast<std::uint16_t>(entry.name.size()));
  put_u32(table, 1'700'000'000);
  put_u32(table, 123);
  put_u64(table, 456);
  put_u32(table, entry.vm_state_size);
  put_u32(table, static_cast<std::uint32_t>(entry.extra.size()));
  table.insert(table.end(), entry.extra.begin(), entry.extra.end());
  put_text(table, entry.id);
  put_text(table, entry.name);
  pad_to_8(table);
}

ByteVector table_of(const std::vector<Entry>& entries) {
  ByteVector table;
  for (const auto& entry : entries) {
    put_entry(table, entry);
  }
  return table;
}

/// Parses a table with one entry that must be good.
format::Snapshot single(const Entry& entry) {
  const auto snapshots = parse_snapshots(with_snapshots(1), table_of({entry}));
  if (!snapshots || snapshots->size() != 1) {
    ADD_FAILURE() << "refused";
    return {};
  }
  return snapshots->front();
}

ByteVector extra_of(std::uint64_t vm_state_size, std::uint64_t virtual_size) {
  ByteVector extra = {};
  put_u64(extra, vm_state_size);
  put_u64(extra, virtual_size);
  return extra;
}

TEST(Snapshots, Case22_ReadsEveryField) {
  const auto snapshot = single({});
  EXPECT_EQ(snapshot.id, "1");
  EXPECT_EQ(snapshot.name, "alpha");
  EXPECT_EQ(snapshot.l1_offset, 0x30000U);
  EXPECT_EQ(snapshot.l1_entries, 7U);
  EXPECT_EQ(snapshot.date_seconds, 1'700'000'000U);
  EXPECT_EQ(snapshot.date_nanoseconds, 123U);
  EXPECT_EQ(snapshot.vm_clock_nanoseconds, 456U);
}

TEST(Snapshots, Case22_WithoutExtraDataTheSizeIsTheImages) {
  const auto snapshot = single({.extra = {}, .vm_state_size = 99});
  EXPECT_EQ(snapshot.vm_state_size, 99U);
  EXPECT_EQ(snapshot.virtual_size, disk_size);
}

TEST(Snapshots, Case22_EightBytesOfExtraDataHoldTheVmState) {
  auto extra = extra_of(1ULL << 33, 0);
  extra.resize(8);
  const auto snapshot = single({.extra = extra, .vm_state_size = 99});
  EXPECT_EQ(snapshot.vm_state_size, 1ULL << 33);
  EXPECT_EQ(snapshot.virtual_size, disk_size);
}

TEST(Snapshots, Case22_HalfAFieldOfExtraDataDoesNotCount) {
  auto extra = extra_of(5, 4096);
  extra.resize(15);
  EXPECT_EQ(single({.extra = extra}).virtual_size, disk_size);
}

TEST(Snapshots, Case22_SixteenBytesOfExtraDataHoldTheDiskSize) {
  const auto snapshot = single({.extra = extra_of(5, 4096)});
  EXPECT_EQ(snapshot.vm_state_size, 5U);
  EXPECT_EQ(snapshot.virtual_size, 4096U);
}

TEST(Snapshots, Case22_TwentyFourBytesHoldAnInstructionCountToo) {
  auto extra = extra_of(5, 4096);
  put_u64(extra, 777);
  const auto snapshot = single({.extra = extra});
  EXPECT_EQ(snapshot.virtual_size, 4096U);
  EXPECT_EQ(snapshot.name, "alpha");
}

TEST(Snapshots, Case22_ExtraDataOf1024BytesAreTheMost) {
  EXPECT_EQ(single({.extra = ByteVector(1024)}).name, "alpha");
  const auto snapshots = parse_snapshots(with_snapshots(1), table_of({{.extra = ByteVector(1025)}}));
  ASSERT_FALSE(snapshots);
  EXPECT_EQ(snapshots.error().kind, ErrorKind::limit);
}

TEST(Snapshots, Case22_EntriesOfDifferentLengthsFollowEachOther) {
  const auto table = table_of({{.id = "1", .name = "a"},
                               {.id = "22", .name = "longer name", .extra = extra_of(1, 512)},
                               {.id = "", .name = ""},
                               {.id = "4", .name = "last"}});
  const auto snapshots = parse_snapshots(with_snapshots(4), table);
  ASSERT_TRUE(snapshots);
  ASSERT_EQ(snapshots->size(), 4U);
  EXPECT_EQ((*snapshots)[0].name, "a");
  EXPECT_EQ((*snapshots)[1].name, "longer name");
  EXPECT_EQ((*snapshots)[2].name, "");
  EXPECT_EQ((*snapshots)[3].name, "last");
}

TEST(Snapshots, NamesMayHoldAnyByteAndEndAtNul) {
  const auto snapshot = single({.id = std::string("1\0x", 3), .name = "\xff\n"});
  EXPECT_EQ(snapshot.id, "1");
  EXPECT_EQ(snapshot.name, "\xff\n");
}

TEST(Snapshots, NamesOfFullLengthAreRead) {
  const auto snapshot = single({.id = std::string(65535, 'i'), .name = std::string(65535, 'n')});
  EXPECT_EQ(snapshot.id.size(), 65535U);
  EXPECT_EQ(snapshot.name.size(), 65535U);
}

TEST(Snapshots, PastTheEndOfTheFileEntriesAreZeros) {
  auto table = table_of({{}});
  table.resize(43);  // cuts the name after two letters
  const auto snapshots = parse_snapshots(with_snapshots(3), table);
  ASSERT_TRUE(snapshots);
  ASSERT_EQ(snapshots->size(), 3U);
  EXPECT_EQ((*snapshots)[0].name, "al");
  EXPECT_EQ((*snapshots)[2].l1_entries, 0U);
}

TEST(Snapshots, NoSnapshotsNeedNoTable) {
  const auto snapshots = parse_snapshots(with_snapshots(0), {});
  ASSERT_TRUE(snapshots);
  EXPECT_TRUE(snapshots->empty());
}

TEST(Snapshots, TableOver64MiBIsRefused) {
  // 511 entries of 128 KiB and a bit fit, the next one does not.
  const auto entry = table_of({{.id = std::string(65535, 'i'), .name = std::string(65535, 'n')}});
  ByteVector table;
  table.reserve(512 * entry.size());
  for (int i = 0; i < 512; ++i) {
    table.insert(table.end(), entry.begin(), entry.end());
  }
  EXPECT_TRUE(parse_snapshots(with_snapshots(511), table));
  const auto snapshots = parse_snapshots(with_snapshots(512), table);
  ASSERT_FALSE(snapshots);
  EXPECT_EQ(snapshots.error().what, "snapshot table, entry 511: the table is too big");
}

TEST(Snapshots, MoreThan65536AreRefused) {
  const auto snapshots = parse_snapshots(with_snapshots(65537), {});
  ASSERT_FALSE(snapshots);
  EXPECT_EQ(snapshots.error().kind, ErrorKind::limit);
}

}  // namespace
}  // namespace qchain::test
