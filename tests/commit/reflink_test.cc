#include <gtest/gtest.h>

#include <filesystem>
#include <numeric>

#include "qcow/commit/retire.h"
#include "qcow/commit/verify_commit.h"
#include "tests/commit/run_commit.h"
#include "tests/support/files.h"
#include "tests/support/loop_xfs.h"
#include "tests/support/qemu.h"
#include "tests/support/seed.h"
#include "tests/support/views.h"

namespace qchain::test {
namespace {

constexpr std::uint64_t cluster = 64 << 10;
constexpr std::uint64_t disk_clusters = 512;

/// base.raw <- top.qcow2 on an XFS that shares blocks.
class Reflink : public OnXfs {
 protected:
  void make_base(std::uint64_t written) const {
    make_hole_file(base(), disk_clusters * cluster);
    poke(base(), 0, telling_bytes(written, 1));
  }

  /// An overlay with these clusters, written in this order: each beside the one before, on the disk.
  void make_overlay(const std::vector<std::uint64_t>& clusters) const {
    create_overlay(top(), "base.raw", "raw");
    std::vector<std::string> commands;
    for (const std::uint64_t number : clusters) {
      commands.push_back("write -P " + std::to_string(1 + number % 251) + " " + std::to_string(number * cluster) +
                         " 64k");
    }
    qemu_io(top(), commands);
  }

  [[nodiscard]] CommitRecord commit_top() const {
    const auto report = run_commit(request_for(top()));
    EXPECT_TRUE(report) << describe(report.error());
    return report ? report->record : CommitRecord{};
  }

  [[nodiscard]] bool reads_as_top() const {
    return run({"qemu-img", "compare", "-q", "-f", "raw", "-F", "qcow2", base(), top()}).ok();
  }

  [[nodiscard]] std::string base() const { return xfs() / "base.raw"; }
  [[nodiscard]] std::string top() const { return xfs() / "top.qcow2"; }
};

std::vector<std::uint64_t> shuffled_clusters(std::uint64_t count) {
  Random random(announced_seed());
  std::vector<std::uint64_t> clusters(disk_clusters);
  std::iota(clusters.begin(), clusters.end(), std::uint64_t{0});
  random.shuffle(clusters);
  clusters.resize(count);
  return clusters;
}

TEST_F(Reflink, SharesScatteredClustersAndTakesNoSpaceForThem) {
  make_base(0);
  make_overlay(shuffled_clusters(disk_clusters / 2));
  const std::uint64_t moved = disk_clusters / 2 * cluster;
  const std::uint64_t used = xfs().used();
  const CommitRecord record = commit_top();
  EXPECT_EQ(record.outcome, (CommitTotals{.copied = 0, .cloned = moved, .zeroed = 0}));
  EXPECT_EQ(record.forecast, record.outcome);
  EXPECT_LT(xfs().used() - used, moved / 100);
  EXPECT_TRUE(reads_as_top());
}

TEST_F(Reflink, LeavesWhatLiesBetweenTheSharedClusters) {
  make_base(disk_clusters * cluster);
  make_overlay(shuffled_clusters(disk_clusters * 3 / 4));
  const auto view = qemu_bytes(top());
  static_cast<void>(commit_top());
  EXPECT_TRUE(same_bytes(view, read_file(base())));
  EXPECT_TRUE(reads_as_top());
}

TEST_F(Reflink, CopiesTheEdgesThatAreNoWholeBlocks) {
  make_base(1 << 20);
  create_overlay(top(), "base.raw", "raw", "extended_l2=on");  // units of 2 KiB
  qemu_io(top(), {"write -P 7 2k 100k"});
  const auto view = qemu_bytes(top());
  const CommitRecord record = commit_top();
  EXPECT_EQ(record.outcome, (CommitTotals{.copied = 4 << 10, .cloned = 96 << 10, .zeroed = 0}));
  EXPECT_EQ(record.forecast, record.outcome);
  EXPECT_TRUE(same_bytes(view, read_file(base())));
}

TEST_F(Reflink, RunAgainSharesAgain) {
  make_base(disk_clusters * cluster);
  make_overlay(shuffled_clusters(disk_clusters));
  const CommitRecord first = commit_top();
  std::filesystem::remove(base() + ".qchain.json");
  EXPECT_EQ(commit_top().outcome, first.outcome);
  EXPECT_TRUE(reads_as_top());
}

TEST_F(Reflink, TakesTheDigestOfSharedBytesWhenVerified) {
  make_base(disk_clusters * cluster);
  make_overlay(shuffled_clusters(32));
  EXPECT_FALSE(commit_top().content) << "sharing reads nothing";
  FileRecordStore records(base());
  FileGate gate(Locking::shared_read);
  const auto check = verify_commit(records, gate, {});
  ASSERT_TRUE(check) << describe(check.error());
  EXPECT_TRUE(check->good());
  EXPECT_EQ(check->comparison.compared, 0) << "shared blocks are the same unread";
  EXPECT_TRUE(record_of(base()).content);
}

TEST_F(Reflink, ChangedAfterwardsTheBaseIsNotTakenForTheLayers) {
  make_base(disk_clusters * cluster);
  make_overlay({3, 1, 2});
  static_cast<void>(commit_top());
  poke(base(), 2 * cluster + 100, bytes_of("changed"));
  FileRecordStore records(base());
  EXPECT_FALSE(retire(records, {}));
  EXPECT_TRUE(std::filesystem::exists(top()));
}

}  // namespace
}  // namespace qchain::test
