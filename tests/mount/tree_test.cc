#include "fusefs/tree.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/files.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/views.h"
#include "tests/unit/chain/fake_image.h"

namespace qchain::test {
namespace {

using fusefs::Node;
using fusefs::Partition;
using fusefs::Tree;

Slice three_layers() {
  return slice_of({std::make_shared<FakeImage>(1 << 20, Extents{}), std::make_shared<FakeImage>(3 << 20, Extents{}),
                   std::make_shared<FakeImage>(2 << 20, Extents{})});
}

std::vector<std::string> names(const Tree& tree, fusefs::Inode folder) {
  std::vector<std::string> result;
  for (const auto child : tree.find(folder)->children) {
    result.push_back(tree.find(child)->name);
  }
  return result;
}

TEST(TreeOfAFolder, HasDiskLayersAndPartitions) {
  const Tree tree = Tree::folder(three_layers(), {});
  EXPECT_EQ(names(tree, fusefs::root_inode), (std::vector<std::string>{"disk.raw", "layers", "partitions"}));
  EXPECT_EQ(tree.root().folders, 2U);
}

TEST(TreeOfAFolder, NamesLayersFromTheBaseUp) {
  const Tree tree = Tree::folder(three_layers(), {});
  EXPECT_EQ(names(tree, fusefs::layers_inode),
            (std::vector<std::string>{"1-layer1.raw", "2-layer2.raw", "3-layer3.raw"}));
}

TEST(TreeOfAFolder, KeepsTheChainsIndexInASlice) {
  Slice slice = three_layers();
  slice.base = 1;
  slice.top = 1;
  const Tree tree = Tree::folder(slice, {});
  EXPECT_EQ(names(tree, fusefs::layers_inode), (std::vector<std::string>{"2-layer2.raw"}));
  EXPECT_EQ(tree.child(fusefs::layers_inode, "2-layer2.raw")->inode, fusefs::first_layer_inode + 2);
}

TEST(TreeOfAFolder, GivesEachLayerItsOwnSize) {
  const Tree tree = Tree::folder(three_layers(), {});
  EXPECT_EQ(tree.child(fusefs::layers_inode, "2-layer2.raw")->content.window, (Range{0, 3 << 20}));
  EXPECT_EQ(tree.child(fusefs::root_inode, "disk.raw")->content.window, (Range{0, 2 << 20}));
}

TEST(TreeOfAFolder, ShowsPartitionsAsWindowsOfTheDisk) {
  const std::vector<Partition> partitions{{1, {4096, 8192}}, {5, {(2 << 20) - 512, 4096}}, {6, {3 << 20, 512}}};
  const Tree tree = Tree::folder(three_layers(), partitions);
  EXPECT_EQ(names(tree, fusefs::partitions_inode), (std::vector<std::string>{"1.raw", "5.raw"}));
  EXPECT_EQ(tree.child(fusefs::partitions_inode, "1.raw")->content.window, (Range{4096, 8192}));
  EXPECT_EQ(tree.child(fusefs::partitions_inode, "5.raw")->content.window, (Range{(2 << 20) - 512, 512}));
}

TEST(TreeOfAFolder, FindsNothingUnderAFile) {
  const Tree tree = Tree::folder(three_layers(), {});
  EXPECT_EQ(tree.child(fusefs::disk_inode, "disk.raw"), nullptr);
  EXPECT_EQ(tree.child(fusefs::root_inode, "disk"), nullptr);
  EXPECT_EQ(tree.find(12345), nullptr);
}

TEST(TreeOfAFile, IsTheViewAlone) {
  const Tree tree = Tree::single_file(three_layers());
  EXPECT_EQ(tree.count(), 1U);
  EXPECT_EQ(tree.root().kind, Node::Kind::file);
  EXPECT_EQ(tree.root().content.window, (Range{0, 2 << 20}));
}

class NewestLayer : public testing::Test {
 protected:
  void add(const std::string& name, const std::string& time) {
    make_hole_file(dir_ / name, 4096);
    must_run({"touch", "-d", time, dir_ / name});
    const auto opened = open_chain(dir_ / name, {.format = ImageFormat::raw});
    images_.push_back(opened.value().active().image);
  }

  TempDir dir_;
  std::vector<SharedImage> images_;
};

TEST_F(NewestLayer, GivesItsTimeToAllViewsThatHoldIt) {
  add("old.raw", "2001-01-01 00:00:00.25Z");
  add("new.raw", "2003-01-01 00:00:00Z");
  add("middle.raw", "2002-01-01 00:00:00Z");
  const Slice slice = slice_of(images_);
  EXPECT_EQ(fusefs::newest_layer(slice, 0), (fusefs::Timestamp{978307200, 250000000}));
  EXPECT_EQ(fusefs::newest_layer(slice, 1), (fusefs::Timestamp{1041379200, 0}));
  EXPECT_EQ(fusefs::newest_layer(slice, 2), (fusefs::Timestamp{1041379200, 0}));
  const Tree tree = Tree::folder(slice, {});
  EXPECT_EQ(tree.child(fusefs::layers_inode, "1-layer1.raw")->modified, (fusefs::Timestamp{978307200, 250000000}));
  EXPECT_EQ(tree.child(fusefs::layers_inode, "3-layer3.raw")->modified, (fusefs::Timestamp{1041379200, 0}));
}

}  // namespace
}  // namespace qchain::test
