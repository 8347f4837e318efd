// Where a condition of a commit that replaces the base does not hold: it is refused with the reason where it was asked
// for, and else QEMU does it, and the report has the reason.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/xattr.h>

#include <filesystem>

#include "tests/live/bare/clone_live.h"
#include "tests/unit/storage/loop_device.h"

namespace qchain::test {
namespace {

using testing::HasSubstr;

TEST_F(CloneLive, NodesWithoutNamesAreNotSwitched) {
  start(BareQemu::Nodes::drive);
  expect_refused("no name of its own");
  expect_done_by_qemu("no name of its own");
}

TEST_F(CloneLive, ABaseWithAnotherHardLinkIsNotReplaced) {
  start();
  std::filesystem::create_hard_link(file("base.raw"), file("link.raw"));
  expect_refused("has 2 hard links");
  expect_done_by_qemu("has 2 hard links");
}

TEST_F(CloneLive, ABaseWhoseEndQemuMightNotWriteIsNotReplaced) {
  std::filesystem::resize_file(file("base.raw"), (32 << 20) + 512);
  start();
  expect_refused("no multiple of 4096");
}

TEST_F(CloneLive, ABaseWithExtendedAttributesIsNotReplaced) {
  start();
  ASSERT_EQ(::setxattr(file("base.raw").c_str(), "user.label", "x", 1, 0), 0);
  expect_refused("extended attributes");
  expect_done_by_qemu("extended attributes");
}

class CloneOverSnapshotOfOthers : public CloneLive {
 protected:
  /// An overlay that QEMU opened by itself.
  std::string refusal_over(const std::string& node) {
    start();
    create_overlay(file("d.qcow2"), "c.qcow2", "qcow2");
    qemu_->ask("blockdev-snapshot-sync", {{"node-name", "n4"},
                                          {"snapshot-file", file("d.qcow2")},
                                          {"snapshot-node-name", node},
                                          {"format", "qcow2"},
                                          {"mode", "existing"}});
    LiveRequest request = below();
    request.layers = {.base = "1", .top = "4"};
    const auto refused = commit(request);
    return refused ? "was not refused" : describe(refused.error());
  }
};

TEST_F(CloneOverSnapshotOfOthers, ANodeThatWasAddedWhileQemuRanIsNotSwitched) {
  EXPECT_THAT(refusal_over("theirs"), HasSubstr("not on QEMU's command line"));
}

/// QEMU 7.2 might fail a write to it afterwards.
TEST_F(CloneOverSnapshotOfOthers, AFileThatQemuOpenedByItselfIsNotSwitched) {
  EXPECT_THAT(refusal_over("n4.qchain-s1"), HasSubstr("it is no -blockdev of its own"));
}

TEST_F(CloneLive, AJobThatRunsIsInTheWay) {
  start();
  start_foreign_job();
  expect_refused("a block job runs");
}

TEST_F(CloneLive, AnImageThatHangsOnALayerIsInTheWay) {
  start();
  create_overlay(file("other.qcow2"), "a.qcow2", "qcow2");
  expect_refused("hangs on it too");
}

TEST_F(CloneLive, AnImageThatHangsOnTheBaseIsInTheWay) {
  start();
  create_overlay(file("other.qcow2"), "base.raw", "raw");
  expect_refused("hangs on it too");
}

TEST_F(CloneLive, ABaseBehindASymbolicLinkIsNotReplaced) {
  std::filesystem::rename(file("base.raw"), file("real.raw"));
  std::filesystem::create_symlink("real.raw", file("base.raw"));
  start();
  expect_refused("is not a regular file");
  expect_done_by_qemu("is not a regular file");
  EXPECT_TRUE(std::filesystem::is_symlink(file("base.raw")));
}

TEST_F(CloneLive, ABaseOnABlockDeviceIsNotReplaced) {
  const LoopDevice device(file("base.raw"), LoopDevice::Mode::writable);
  ASSERT_TRUE(device.ok()) << device.reason();
  must_run({"qemu-img", "rebase", "-u", "-b", device.path(), "-F", "raw", file("a.qcow2")});
  start_on({device.path(), file("a.qcow2"), file("b.qcow2"), file("c.qcow2")});
  LiveRequest request = below();
  const auto refused = commit(request);
  ASSERT_FALSE(refused);
  EXPECT_THAT(describe(refused.error()), HasSubstr(device.path() + ": is not a regular file"));
  request.engine = EngineChoice::automatic;
  const auto report = commit(request);
  ASSERT_TRUE(report) << describe(report.error());
  EXPECT_EQ(report->engine.engine, LiveEngine::qemu);
  EXPECT_THAT(report->engine.reason, HasSubstr("is not a regular file"));
  qemu_->guest("flush");
  expect_reads_as_before(file("c.qcow2"));
}

TEST_F(CloneLive, LayersOnAnotherFileSystemAreNotShared) {
  const TempDir other;
  const std::string a = other / "a.qcow2";
  std::filesystem::copy_file(file("a.qcow2"), a);
  std::filesystem::remove(file("a.qcow2"));  // else it would hang on the base, too
  must_run({"qemu-img", "rebase", "-u", "-b", file("base.raw"), "-F", "raw", a});
  must_run({"qemu-img", "rebase", "-u", "-b", a, "-F", "qcow2", file("b.qcow2")});
  start_on({file("base.raw"), a, file("b.qcow2"), file("c.qcow2")});
  expect_refused(a + ": lies on another file system than the base");
  expect_done_by_qemu("lies on another file system than the base");
}

TEST_F(CloneLive, AnOverlayThatWasReopenedWithOtherOptionsIsNotSwitched) {
  start();
  const live::qmp::Json options{{"driver", "qcow2"},  {"node-name", "n4"},  {"file", "n4-file"},    {"backing", "n3"},
                                {"discard", "unmap"}, {"read-only", false}, {"detect-zeroes", "on"}};
  qemu_->ask("blockdev-reopen", {{"options", {options}}});
  expect_refused("with other options than it was started with");
  expect_done_by_qemu("with other options than it was started with");
}

TEST_F(CloneLive, ACopyOfOneMomentIsForQemu) {
  start();
  const auto refused = commit(by_clone(active(Ending::keep_overlay)));
  ASSERT_FALSE(refused);
  EXPECT_THAT(describe(refused.error()), HasSubstr("a copy of one moment is QEMU's to make"));
  EXPECT_EQ(chain_in_qemu(), whole_chain);
  EXPECT_FALSE(record());
}

TEST_F(CloneLive, IntoAQcow2BaseQemuMerges) {
  start();
  must_run({"qemu-img", "convert", "-U", "-O", "raw", file("b.qcow2"), file("saved")});
  LiveRequest request = below();
  request.layers.base = "vda[2]";
  const auto refused = commit(request);
  ASSERT_FALSE(refused);
  EXPECT_THAT(describe(refused.error()), HasSubstr("a.qcow2: is not a raw image at the bottom of the chain"));
  request.engine = EngineChoice::automatic;
  const auto report = commit(request);
  ASSERT_TRUE(report) << describe(report.error());
  EXPECT_EQ(report->engine.engine, LiveEngine::qemu);
  EXPECT_THAT(report->engine.reason, HasSubstr("is not a raw image at the bottom of the chain"));
  EXPECT_GT(report->comparison.compared, 0U);
  EXPECT_EQ(chain_in_qemu(), (std::vector<std::string>{"base.raw", "a.qcow2", "c.qcow2"}));
  qemu_->guest("flush");
  expect_reads_as_before(file("c.qcow2"));
  qemu_.reset();
  const auto same = run({"qemu-img", "compare", "-f", "raw", "-F", "qcow2", file("saved"), file("a.qcow2")});
  EXPECT_TRUE(same.ok()) << same.out << same.err;
  EXPECT_TRUE(run({"qemu-img", "check", "-q", file("a.qcow2")}).ok());
}

/// On the file system of temporary files.
class CloneLiveElsewhere : public CommitLive {};

TEST_F(CloneLiveElsewhere, WithoutSharedBlocksQemuDoesIt) {
  start();
  LiveRequest request = below_active();
  request.engine = EngineChoice::clone;
  const auto shared = commit(request);
  if (shared) {
    GTEST_SKIP() << "the folder for temporary files shares blocks";
  }
  EXPECT_THAT(describe(shared.error()), HasSubstr("--engine=qemu does without"));
  const auto report = commit(below_active());
  ASSERT_TRUE(report) << describe(report.error());
  EXPECT_EQ(report->engine.engine, LiveEngine::qemu);
  EXPECT_THAT(report->engine.reason, HasSubstr("not clone: "));
  expect_all_in_base();
}

}  // namespace
}  // namespace qchain::test
