// Disks that are put together in other ways, and what else a machine may have.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/live/bare/commit_live.h"

namespace qchain::test {
namespace {

using testing::HasSubstr;

TEST_F(CommitLive, BehindAThrottleNodeLayersAreMerged) {
  start(BareQemu::Nodes::throttled);
  const auto report = commit(below_active());
  ASSERT_TRUE(report) << describe(report.error());
  expect_all_in_base();
}

TEST_F(CommitLive, BehindAThrottleNodeTheGuestGoesOnInTheBase) {
  start(BareQemu::Nodes::throttled);
  const auto report = commit(active(Ending::pivot));
  ASSERT_TRUE(report) << describe(report.error());
  EXPECT_EQ(chain_in_qemu(), std::vector<std::string>{"base.raw"});
  qemu_->guest("flush");
  expect_reads_as_before(file("base.raw"), "raw");
}

/// Such a disk is called by its device's place: the active image's node, by which a user may name it, changes.
TEST_F(CommitLive, ADeviceWithoutANameKeepsItsOwnThroughAPivot) {
  start(BareQemu::Nodes::nameless);
  LiveRequest request = active(Ending::pivot);
  request.disk = "n4";
  const auto report = commit(request);
  ASSERT_TRUE(report) << describe(report.error());
  expect_only_base_open();
}

TEST_F(CommitLive, AnotherDiskOfTheSameGuestOnTheBaseIsInTheWay) {
  create_overlay(file("other.qcow2"), "base.raw", "raw");
  const std::string other =
      "driver=qcow2,node-name=other,file.driver=file,file.filename=" + file("other.qcow2") + ",backing=n1";
  start(BareQemu::Nodes::named, {"-blockdev", other, "-device", "virtio-blk-pci,id=vdb,drive=other"});
  for (const LiveRequest& request : {below_active(), active(Ending::pivot)}) {
    const auto report = commit(request);
    ASSERT_FALSE(report);
    EXPECT_THAT(describe(report.error()), HasSubstr("disk 'vdb' of the same guest reads through it too"));
    EXPECT_FALSE(record());
  }
}

}  // namespace
}  // namespace qchain::test
