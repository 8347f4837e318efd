#include <gtest/gtest.h>

#include "live/machine.h"

namespace qchain::live {
namespace {

Disk disk_with(const std::vector<std::string>& nodes) {
  Disk disk{.name = "vda", .device = "vda", .root = {}, .layers = {}, .job = {}};
  for (const std::string& node : nodes) {
    disk.layers.push_back({.index = disk.layers.size() + 1,
                           .file = "/images/" + std::to_string(disk.layers.size() + 1),
                           .format = ImageFormat::qcow2,
                           .node = node,
                           .file_node = {}});
  }
  return disk;
}

/// After a commit and two snapshots: 2 and 3 are gone for good.
TEST(FindLayer, AnIndexOfLibvirtsNeverMeansAnotherLayer) {
  const Disk disk = disk_with({"vda[1]", "vda[4]", "vda[5]", "vda[6]"});
  EXPECT_EQ(find_layer(disk, "vda[4]"), 1U);
  const auto gone = find_layer(disk, "vda[3]");
  ASSERT_FALSE(gone);
  EXPECT_TRUE(gone.error().what.contains("'vda[3]' is no layer of it, or none any more"));
  EXPECT_TRUE(gone.error().advice.contains("vda[1], vda[4], vda[5], vda[6]"));
  EXPECT_EQ(find_layer(disk, "3"), 2U) << "by its place";
  EXPECT_EQ(find_layer(disk, "[3]"), 2U);
}

TEST(FindLayer, WhereLayersHaveNodesAllIndexesArePlaces) {
  const Disk disk = disk_with({"n1", "n2", "n3"});
  EXPECT_EQ(find_layer(disk, "vda[3]"), 2U);
  EXPECT_EQ(find_layer(disk, "n2"), 1U);
  EXPECT_FALSE(find_layer(disk, "vda[4]"));
}

}  // namespace
}  // namespace qchain::live
