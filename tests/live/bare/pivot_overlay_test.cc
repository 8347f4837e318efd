// While a pivot is under way the guest writes to an overlay of ours: it holds the only copy of that.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/live/bare/commit_live.h"
#include "tests/support/process.h"

namespace qchain::test {
namespace {

using testing::HasSubstr;

class PivotOverlay : public CommitLive {
 protected:
  /// Cut off while the layers below the overlay are merged, or compared; the guest goes on.
  void begin_pivot() {
    start();
    CutOffMachine machine(open());
    machine.before_flush = [] { throw Killed(); };
    commit_in_part(active(Ending::pivot), machine);
    ASSERT_EQ(chain_in_qemu().back(), "c.qcow2.qchain-live");
    qemu_->guest("write -P 9 20M 64k");
    qemu_->guest("flush");
    qemu_io(file("before"), {"write -P 9 20M 64k"}, "raw");
  }
  void expect_refused(const char* why) {
    const auto again = commit(active(Ending::pivot));
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().kind, ErrorKind::refused);
    EXPECT_THAT(describe(again.error()), HasSubstr(why));
    EXPECT_THAT(describe(again.error()), HasSubstr("qchain commit --base"));
    EXPECT_TRUE(std::filesystem::exists(overlay()));
  }
  [[nodiscard]] std::string overlay() const { return file("c.qcow2.qchain-live"); }
};

TEST_F(PivotOverlay, IsKeptWhereTheGuestWasStartedOnTheImageBelowIt) {
  begin_pivot();
  qemu_.reset();
  start();
  expect_refused("holds what a guest has written");
  qemu_.reset();

  const auto done = commit_offline(overlay(), "c.qcow2");  // as the error says
  ASSERT_TRUE(done) << describe(done.error());
  expect_reads_as_before(overlay());
  EXPECT_FALSE(record()->live->overlay) << "an image like others from now on";
}

TEST_F(PivotOverlay, IsKeptWhereItWasMergedBelowAndTheGuestWasStartedOnTheImageBelowIt) {
  start();
  CutOffMachine machine(open());
  machine.before_pivot = [] { throw Killed(); };
  commit_in_part(active(Ending::pivot), machine);
  qemu_->guest("write -P 9 20M 64k");
  qemu_->guest("flush");
  qemu_.reset();
  start();
  expect_refused("the guest goes on in '");
}

TEST_F(PivotOverlay, IsKeptWhereASnapshotOfOthersLiesOverIt) {
  begin_pivot();
  cancel_job("qchain-vda");  // it would be in their way
  must_run({"qemu-img", "create", "-q", "-u", "-f", "qcow2", "-b", overlay(), "-F", "qcow2", file("d.qcow2"), "32M"});
  qemu_->ask("blockdev-snapshot-sync", {{"node-name", "n4.qchain-s1"},
                                        {"snapshot-node-name", "theirs"},
                                        {"snapshot-file", file("d.qcow2")},
                                        {"mode", "existing"}});
  expect_refused("the guest goes on in '");
}

TEST_F(PivotOverlay, IsWhatTheGuestIsToBeStartedOnAfterAnInterruption) {
  start();
  stop_.request_stop();
  LiveRequest request = active(Ending::pivot);
  request.bandwidth = 1 << 20;
  const auto report = commit(request);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, ErrorKind::interrupted);
  EXPECT_THAT(report.error().advice, HasSubstr("the guest goes on in '" + overlay()));
}

TEST_F(PivotOverlay, ThatNobodyWroteToIsMadeAnew) {
  start();
  CutOffMachine machine(open());
  machine.before_flush = [] { throw Killed(); };
  commit_in_part(active(Ending::pivot), machine);
  qemu_.reset();
  start();
  const auto again = commit(active(Ending::pivot));
  ASSERT_TRUE(again) << describe(again.error());
  expect_only_base_open();
  expect_reads_as_before(file("base.raw"), "raw");
}

TEST_F(PivotOverlay, OfAnImageBehindASymbolicLinkIsClosedToo) {
  std::filesystem::rename(file("c.qcow2"), file("real.qcow2"));
  std::filesystem::create_symlink("real.qcow2", file("c.qcow2"));
  start();
  const auto done = commit(active(Ending::pivot));
  ASSERT_TRUE(done) << describe(done.error());
  expect_only_base_open();
}

/// A record that came with copies of the images is about those that were copied.
TEST_F(PivotOverlay, OfTheImagesThatWereCopiedIsNotTouched) {
  begin_pivot();
  const TempDir copies;
  for (const char* name : {"base.raw", "a.qcow2", "b.qcow2", "c.qcow2", "base.raw.qchain.json"}) {
    std::filesystem::copy_file(file(name), copies / name);
  }
  qemu_ = std::make_unique<BareQemu>(
      copies.path(), std::vector{copies / "base.raw", copies / "a.qcow2", copies / "b.qcow2", copies / "c.qcow2"});
  EXPECT_FALSE(commit(active(Ending::pivot)));
  EXPECT_TRUE(std::filesystem::exists(overlay()));
}

}  // namespace
}  // namespace qchain::test
