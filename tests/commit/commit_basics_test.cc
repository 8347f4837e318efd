#include <gtest/gtest.h>

#include <filesystem>

#include "tests/commit/run_commit.h"
#include "tests/support/files.h"
#include "tests/support/qemu.h"
#include "tests/support/temp_dir.h"
#include "tests/support/views.h"

namespace qchain::test {
namespace {

/// base.raw <- a.qcow2 <- b.qcow2 <- c.qcow2, each with data of its own, named relative to their folder.
class CommitBasics : public testing::Test {
 protected:
  CommitBasics() {
    make_hole_file(base, 4 << 20);
    qemu_io(base, {"write -P 1 0 1M", "write -P 2 2M 1M"}, "raw");
    create_overlay(a, "base.raw", "raw");
    qemu_io(a, {"write -P 3 512k 100k", "write -z 2M 256k"});
    create_overlay(b, "a.qcow2", "qcow2");
    qemu_io(b, {"write -P 4 1000k 300k", "discard 0 64k"});
    create_overlay(c, "b.qcow2", "qcow2");
    qemu_io(c, {"write -P 5 3M 77k"});
    view_of_b = qemu_bytes(b);
    view_of_c = qemu_bytes(c);
  }

  TempDir dir;
  std::string base = dir / "base.raw";
  std::string a = dir / "a.qcow2";
  std::string b = dir / "b.qcow2";
  std::string c = dir / "c.qcow2";
  ByteVector view_of_b;
  ByteVector view_of_c;
};

TEST_F(CommitBasics, IntermediateMergesIntoTheBaseAndRepointsTheOverlay) {
  const auto report = run_commit(request_for(c, base, b));
  ASSERT_TRUE(report) << describe(report.error());
  EXPECT_TRUE(same_bytes(view_of_b, read_file(base)));
  EXPECT_TRUE(same_bytes(view_of_c, qemu_bytes(c)));
  const auto chain = open_chain(c);
  ASSERT_TRUE(chain);
  EXPECT_EQ(chain->depth(), 2U);
  EXPECT_EQ(chain->active().backing_reference, "base.raw") << "a relative name stays relative";
  EXPECT_EQ(chain->active().image->header()->backing_format, "raw");
  EXPECT_EQ(record_of(base).state, CommitState::done);
}

TEST_F(CommitBasics, AllLayersMergeIntoTheBaseAlone) {
  const auto report = run_commit(request_for(c));
  ASSERT_TRUE(report) << describe(report.error());
  EXPECT_TRUE(same_bytes(view_of_c, read_file(base)));
  EXPECT_TRUE(same_bytes(view_of_c, qemu_bytes(c)));
  EXPECT_FALSE(record_of(base).overlay);
}

TEST_F(CommitBasics, ZerosBecomeHoles) {
  ASSERT_TRUE(run_commit(request_for(c, "1", "3")));
  const auto view = open_view(base, {.format = ImageFormat::raw});
  ASSERT_TRUE(view);
  EXPECT_EQ((*view)->extent_at(2 << 20).kind, ExtentKind::hole);
  EXPECT_EQ((*view)->extent_at(0).kind, ExtentKind::hole) << "a discarded cluster";
}

TEST_F(CommitBasics, TheLayersAboveAndTheMergedOnesAreNotTouched) {
  const auto old_a = read_file(a);
  const auto old_b = read_file(b);
  ASSERT_TRUE(run_commit(request_for(c, base, b)));
  EXPECT_TRUE(same_bytes(old_a, read_file(a)));
  EXPECT_TRUE(same_bytes(old_b, read_file(b)));
  EXPECT_TRUE(run({"qemu-img", "check", "-q", c}).ok());
}

TEST_F(CommitBasics, RunAgainAfterItIsDoneChangesNothing) {
  ASSERT_TRUE(run_commit(request_for(c, base, b)));
  const auto base_after = read_file(base);
  const auto c_after = read_file(c);
  const auto again = run_commit(request_for(c, base, b));
  ASSERT_TRUE(again) << describe(again.error());
  EXPECT_TRUE(again->was_finished);
  EXPECT_TRUE(same_bytes(base_after, read_file(base)));
  EXPECT_TRUE(same_bytes(c_after, read_file(c)));
}

TEST_F(CommitBasics, AStoppedCommitLeavesTheViewAndGoesOnWhenRunAgain) {
  const auto stopped = run_commit_until_begun(request_for(c, base, b));
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().kind, ErrorKind::interrupted);
  EXPECT_EQ(record_of(base).state, CommitState::copying);
  EXPECT_TRUE(same_bytes(view_of_c, qemu_bytes(c)));
  ASSERT_TRUE(run_commit(request_for(c, base, b)));
  EXPECT_TRUE(same_bytes(view_of_b, read_file(base)));
}

TEST_F(CommitBasics, ForecastAndOutcomeAgreeToTheByte) {
  CommitTotals planned;
  {
    const auto plan = run_plan(request_for(c, base, b));  // holds the locks as long as it lives
    ASSERT_TRUE(plan) << describe(plan.error());
    planned = plan->totals;
  }
  EXPECT_FALSE(std::filesystem::exists(base + ".qchain.json")) << "a plan writes nothing";
  const auto report = run_commit(request_for(c, base, b));
  ASSERT_TRUE(report);
  EXPECT_EQ(report->record.outcome, planned);
  EXPECT_EQ(report->record.forecast, planned);
}

TEST_F(CommitBasics, ASmallWriteCostsWhatItIs) {
  create_qcow2(dir / "small.qcow2",
               {.options = "cluster_size=4k", .backing = "base.raw", .backing_format = "raw", .size = {}});
  qemu_io(dir / "small.qcow2", {"write -P 9 0 4k", "write -P 9 64k 4k", "write -P 9 128k 4k"});
  std::filesystem::remove(a);  // no sibling of the base
  const auto report = run_commit(request_for(dir / "small.qcow2"));
  ASSERT_TRUE(report) << describe(report.error());
  const CommitTotals& done = report->record.outcome;
  EXPECT_EQ(done.copied + done.cloned, 3U * 4096);  // shared, where the temporary folder's file system can
}

TEST_F(CommitBasics, ALargerViewGrowsTheBase) {
  create_qcow2(dir / "big.qcow2", {.options = {}, .backing = "c.qcow2", .backing_format = "qcow2", .size = 6 << 20});
  qemu_io(dir / "big.qcow2", {"write -P 8 5M 64k"});
  const auto expected = qemu_bytes(dir / "big.qcow2");
  ASSERT_TRUE(run_commit(request_for(dir / "big.qcow2")));
  EXPECT_TRUE(same_bytes(expected, read_file(base)));
}

TEST_F(CommitBasics, ASmallerViewLeavesTheBaseAsLongAsItIs) {
  const auto old_base = read_file(base);
  create_qcow2(dir / "short.qcow2", {.options = {}, .backing = "b.qcow2", .backing_format = "qcow2", .size = 1 << 20});
  std::filesystem::remove(c);
  ASSERT_TRUE(run_commit(request_for(dir / "short.qcow2")));
  const auto now = read_file(base);
  ASSERT_EQ(now.size(), old_base.size());
  EXPECT_TRUE(same_bytes(Bytes(view_of_b).first(1 << 20), Bytes(now).first(1 << 20)));
}

}  // namespace
}  // namespace qchain::test
