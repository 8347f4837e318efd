#include "live/qmp/known_nodes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace qchain::live::qmp {
namespace {

using testing::HasSubstr;

constexpr const char* long_name = "a-name-of-some-20-chars";

Json told(const std::string& node, const std::string& driver, const std::string& zeroes = "off") {
  return {{"node-name", node},
          {"drv", driver},
          {"detect_zeroes", zeroes},
          {"cache", {{"direct", true}, {"no-flush", false}, {"writeback", true}}}};
}

DiskLayer layer(const std::string& node, const std::string& file_node) {
  return {.index = 1, .file = "/dev/vg/disk", .format = ImageFormat::raw, .node = node, .file_node = file_node};
}

/// A QEMU that was started on a device, with all that an overlay should take over.
class KnownNodesTest : public testing::Test {
 protected:
  [[nodiscard]] NodeOptions options() const {
    std::vector<std::string> words;
    for (const std::string& name : names_) {
      Json file = file_;
      file.update({{"node-name", name + "-f"}, {"filename", "/dev/vg/disk"}});
      Json format = format_;
      format.update({{"node-name", name}, {"file", name + "-f"}});
      words.insert(words.end(), {"-blockdev", file.dump(), "-blockdev", format.dump()});
    }
    return NodeOptions(words);
  }
  [[nodiscard]] Json told_of_all() const {
    Json nodes = Json::array();
    for (const std::string& name : names_) {
      nodes.push_back(told(name, "raw", "unmap"));
      nodes.push_back(told(name + "-f", "host_device"));
    }
    return nodes;
  }
  [[nodiscard]] KnownNodes known() const { return {options(), told_of_all()}; }

  std::vector<std::string> names_{"disk", long_name};
  Json file_{{"driver", "host_device"}, {"read-only", false}, {"aio", "io_uring"}, {"cache", {{"direct", true}}}};
  Json format_{{"driver", "raw"}, {"discard", "unmap"}, {"detect-zeroes", "unmap"}, {"cache", {{"direct", true}}}};
  DiskLayer disk_ = layer("disk", "disk-f");
};

TEST_F(KnownNodesTest, AnOverlayTakesOverWhatAnyImageHas) {
  const auto overlay = known().overlay(disk_, "/d.qcow2");
  ASSERT_TRUE(overlay) << describe(overlay.error());
  EXPECT_EQ(overlay->file, Json({{"driver", "file"},
                                 {"node-name", "disk.qchain-s1-f"},
                                 {"filename", "/d.qcow2"},
                                 {"auto-read-only", true},
                                 {"aio", "io_uring"},
                                 {"cache", {{"direct", true}}}}));
  EXPECT_EQ(overlay->format, Json({{"driver", "qcow2"},
                                   {"node-name", "disk.qchain-s1"},
                                   {"file", "disk.qchain-s1-f"},
                                   {"backing", nullptr},
                                   {"discard", "unmap"},
                                   {"detect-zeroes", "unmap"},
                                   {"cache", {{"direct", true}}}}));
}

TEST_F(KnownNodesTest, AnOverlayOverAnOverlayDoesToo) {
  const auto first = known().overlay(disk_, "/d.qcow2");
  ASSERT_TRUE(first);
  Json now = told_of_all();
  now.push_back(told("disk.qchain-s1", "qcow2", "unmap"));
  now.push_back(told("disk.qchain-s1-f", "file"));
  const auto second = KnownNodes(options(), now).overlay(layer("disk.qchain-s1", "disk.qchain-s1-f"), "/d.qcow2");
  ASSERT_TRUE(second) << describe(second.error());
  EXPECT_EQ(name_in(second->format), "disk.qchain-s2");
  Json file = second->file;
  file["node-name"] = name_in(first->file);
  EXPECT_EQ(file, first->file);
}

TEST_F(KnownNodesTest, ANewBaseIsOpenedAsTheOldOne) {
  const auto base = known().new_base(disk_);
  ASSERT_TRUE(base) << describe(base.error());
  EXPECT_EQ(base->file.at("driver"), "host_device");
  EXPECT_EQ(base->file.at("filename"), "/dev/vg/disk");
  EXPECT_EQ(name_in(base->format), "disk.qchain-b1");
  EXPECT_EQ(base->format.at("read-only"), true);
}

TEST_F(KnownNodesTest, AnotherNameIsFoundOrItIsAnError) {
  EXPECT_EQ(known().name_for("disk", Origin::snapshot), "disk.qchain-s1");
  const auto overlay = known().overlay(layer(long_name, std::string(long_name) + "-f"), "/d.qcow2");
  ASSERT_FALSE(overlay);
  EXPECT_THAT(describe(overlay.error()), HasSubstr("too long a name"));
}

TEST_F(KnownNodesTest, ANameThatLooksLikeOursIsOneOfTheUsers) {
  names_ = {"c.qchain-snap"};
  const auto overlay = known().overlay(layer("c.qchain-snap", "c.qchain-snap-f"), "/d.qcow2");
  ASSERT_TRUE(overlay) << describe(overlay.error());
  EXPECT_EQ(name_in(overlay->format), "c.qchain-snap.qchain-s1");
}

TEST_F(KnownNodesTest, AnotherFileThanTheCommandLinesIsNotKnown) {
  for (const std::string& file : {std::string("#block123"), std::string(long_name) + "-f"}) {
    EXPECT_FALSE(known().to_reopen(layer("disk", file))) << file;
    EXPECT_FALSE(known().overlay(layer("disk", file), "/d.qcow2")) << file;
  }
  EXPECT_TRUE(known().to_reopen(disk_));
}

TEST_F(KnownNodesTest, WhatWasReopenedOtherwiseIsNotKnown) {
  for (const std::size_t node : {0U, 1U}) {  // format, file
    for (const auto& [key, value] :
         {std::pair<const char*, Json>("detect_zeroes", "on"), std::pair<const char*, Json>("drv", "throttle"),
          std::pair<const char*, Json>("cache", {{"direct", false}})}) {
      Json now = told_of_all();
      now[node][key] = value;
      const auto answer = KnownNodes(options(), now).to_reopen(disk_);
      ASSERT_FALSE(answer) << node << key;
      EXPECT_THAT(describe(answer.error()), HasSubstr("other options than it was started with"));
    }
  }
}

/// QEMU would refuse the new base, when the old one is replaced already.
TEST_F(KnownNodesTest, ABaseThatIsSharedByForceIsNotOpenedForWriting) {
  file_["force-share"] = true;
  const auto base = known().new_base(disk_);
  ASSERT_FALSE(base);
  EXPECT_THAT(describe(base.error()), HasSubstr("force-share"));
}

}  // namespace
}  // namespace qchain::live::qmp
