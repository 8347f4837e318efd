#include "qcow/format/new_header.h"

#include <gtest/gtest.h>

#include "qcow/format/header.h"
#include "qcow/format/limits.h"

namespace qchain::format {
namespace {

NewHeader plain() {
  return {.guest_size = 1 << 20,
          .cluster_bits = 16,
          .l1_entries = 1,
          .l1_offset = 65536,
          .refcount_table_offset = 3 * 65536,
          .refcount_table_clusters = 1,
          .backing = {}};
}

NewHeader with_backing(const std::string& name, std::uint32_t cluster_bits) {
  NewHeader header = plain();
  header.cluster_bits = cluster_bits;
  header.l1_offset = std::uint64_t{1} << cluster_bits;
  header.refcount_table_offset = std::uint64_t{3} << cluster_bits;
  header.guest_size = sector;
  header.backing = {.name = name, .format = "qcow2"};
  return header;
}

/// What the parser makes of the header and the zeros that follow it in its cluster.
Result<Header> parsed(const NewHeader& header) {
  std::vector<std::byte> cluster = QC_TRY(encode_header(header));
  cluster.resize(std::size_t{1} << header.cluster_bits);
  return parse_header(cluster);
}

TEST(NewHeader, SaysWhatItWasGiven) {
  const auto header = parsed(plain());
  ASSERT_TRUE(header) << describe(header.error());
  EXPECT_EQ(header->version, 3U);
  EXPECT_EQ(header->virtual_size, 1U << 20);
  EXPECT_EQ(header->cluster_bits, 16U);
  EXPECT_EQ(header->l1_entries, 1U);
  EXPECT_EQ(header->l1_offset, 65536U);
  EXPECT_EQ(header->refcount_table_offset, 3U * 65536);
  EXPECT_EQ(header->refcount_table_clusters, 1U);
  EXPECT_EQ(header->refcount_order, 4U);
}

TEST(NewHeader, HasNoFeatures) {
  const auto header = parsed(plain());
  ASSERT_TRUE(header);
  EXPECT_EQ(header->incompatible | header->compatible | header->autoclear, 0U);
  EXPECT_FALSE(header->backing_file);
  EXPECT_FALSE(header->backing_format);
}

TEST(NewHeader, NamesTheBackingFileAndItsFormat) {
  std::string name;
  for (int byte = 1; byte < 256; ++byte) {
    name += static_cast<char>(byte);
  }
  const auto header = parsed(with_backing(name, 16));
  ASSERT_TRUE(header) << describe(header.error());
  EXPECT_EQ(header->backing_file, name);
  EXPECT_EQ(header->backing_format, "qcow2");
  EXPECT_TRUE(header->unknown_extensions.empty());
}

/// Longest name that has room in a cluster of that size, beside the header and its extensions.
struct Room {
  std::uint32_t cluster_bits;
  std::size_t longest;
};
class NewHeaderRoom : public testing::TestWithParam<Room> {};

TEST_P(NewHeaderRoom, IsFilledByTheLongestName) {
  const std::string longest(GetParam().longest, 'n');
  const auto header = parsed(with_backing(longest, GetParam().cluster_bits));
  ASSERT_TRUE(header) << describe(header.error());
  EXPECT_EQ(header->backing_file, longest);
}

TEST_P(NewHeaderRoom, IsTooSmallForOneByteMore) {
  const auto bytes = encode_header(with_backing(std::string(GetParam().longest + 1, 'n'), GetParam().cluster_bits));
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().kind, ErrorKind::limit);
  const bool larger_clusters_help = GetParam().longest < max_backing_name;
  EXPECT_EQ(bytes.error().advice.contains("larger clusters"), larger_clusters_help) << bytes.error().advice;
}

INSTANTIATE_TEST_SUITE_P(Clusters, NewHeaderRoom,
                         testing::Values(Room{9, 376}, Room{10, 888}, Room{11, 1023}, Room{16, 1023}, Room{21, 1023}));

}  // namespace
}  // namespace qchain::format
