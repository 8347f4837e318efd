#include "live/qmp/known_nodes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace qchain::live::qmp {
namespace {

using testing::HasSubstr;

constexpr const char* long_name = "a-name-of-some-20-chars";

Json told(const std::string& node, const std::string& zeroes) {
  return {{"node-name", node},
          {"detect_zeroes", zeroes},
          {"cache", {{"direct", true}, {"no-flush", false}, {"writeback", true}}}};
}

/// A QEMU that was started on a device, with all that an overlay should take over.
class KnownNodesTest : public testing::Test {
 protected:
  static NodeOptions options() {
    std::vector<std::string> words;
    for (const std::string name : {"disk", long_name}) {
      const Json file{{"driver", "host_device"}, {"node-name", name + "-f"}, {"filename", "/dev/vg/disk"},
                      {"read-only", false},      {"aio", "io_uring"},        {"cache", {{"direct", true}}}};
      const Json format{{"driver", "raw"},    {"node-name", name},        {"file", name + "-f"},
                        {"discard", "unmap"}, {"detect-zeroes", "unmap"}, {"cache", {{"direct", true}}}};
      words.insert(words.end(), {"-blockdev", file.dump(), "-blockdev", format.dump()});
    }
    return NodeOptions(words);
  }
  static DiskLayer layer(const std::string& node, const std::string& file_node) {
    return {.index = 1, .file = "/dev/vg/disk", .format = ImageFormat::raw, .node = node, .file_node = file_node};
  }

  KnownNodes known_{options(), Json::array({told("disk", "unmap"), told(long_name, "unmap")})};
  DiskLayer disk_ = layer("disk", "disk-f");
};

TEST_F(KnownNodesTest, AnOverlayTakesOverWhatAnyImageHas) {
  const auto overlay = known_.overlay(disk_, "/d.qcow2");
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

TEST_F(KnownNodesTest, ANewBaseIsOpenedAsTheOldOne) {
  const auto base = known_.new_base(disk_);
  ASSERT_TRUE(base) << describe(base.error());
  EXPECT_EQ(base->file.at("driver"), "host_device");
  EXPECT_EQ(base->file.at("filename"), "/dev/vg/disk");
  EXPECT_EQ(name_in(base->format), "disk.qchain-b1");
  EXPECT_EQ(base->format.at("read-only"), true);
}

TEST_F(KnownNodesTest, AnotherNameIsFoundOrItIsAnError) {
  EXPECT_EQ(known_.name_for("disk", Origin::snapshot), "disk.qchain-s1");
  const auto overlay = known_.overlay(layer(long_name, std::string(long_name) + "-f"), "/d.qcow2");
  ASSERT_FALSE(overlay);
  EXPECT_THAT(describe(overlay.error()), HasSubstr("too long a name"));
}

TEST_F(KnownNodesTest, AFileThatQemuOpenedByItselfIsNotKnown) {
  const DiskLayer opened_by_qemu = layer("disk", "#block123");
  EXPECT_FALSE(known_.to_reopen(opened_by_qemu));
  EXPECT_FALSE(known_.overlay(opened_by_qemu, "/d.qcow2"));
  EXPECT_TRUE(known_.to_reopen(disk_));
}

TEST_F(KnownNodesTest, WhatWasReopenedOtherwiseIsNotKnown) {
  const KnownNodes reopened(options(), Json::array({told("disk", "off")}));
  const auto answer = reopened.to_reopen(disk_);
  ASSERT_FALSE(answer);
  EXPECT_THAT(describe(answer.error()), HasSubstr("other options than it was started with"));
}

}  // namespace
}  // namespace qchain::live::qmp
