#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "qcow/commit/verify_commit.h"
#include "tests/commit/run_commit.h"
#include "tests/faults/faulty_run.h"
#include "tests/support/files.h"
#include "tests/support/loop_xfs.h"
#include "tests/support/qemu.h"

namespace qchain::test {
namespace {

constexpr std::uint64_t cluster = 4096;
constexpr std::uint64_t few = 64;
constexpr unsigned first = 1;  ///< sharing 0 is the plan's trial, in a file without a name
/// The mover shares the first run alone, and then 16,384 at a time: with so many there is a third batch.
constexpr std::uint64_t batch = 16384;
constexpr std::uint64_t three_batches = 1 + batch + 100;

/// base.raw <- top.qcow2, which holds every other cluster of the disk, on an XFS where sharing of blocks fails once.
class FaultyClone : public OnXfs {
 protected:
  void make_chain(std::uint64_t runs) {
    runs_ = runs;
    view_ = telling_bytes(2 * runs * cluster, 1);
    write_file(base(), view_);
    const ByteVector held = telling_bytes(view_.size(), 2);
    ByteVector above(view_.size());
    for (std::uint64_t start = 0; start < view_.size(); start += 2 * cluster) {
      const auto from = held.begin() + static_cast<std::ptrdiff_t>(start);
      std::copy_n(from, cluster, above.begin() + static_cast<std::ptrdiff_t>(start));
      std::copy_n(from, cluster, view_.begin() + static_cast<std::ptrdiff_t>(start));
    }
    write_file(elsewhere_ / "above.raw", above);
    qemu_img({"convert", "-f", "raw", "-O", "qcow2", "-o", "cluster_size=4k", elsewhere_ / "above.raw", top()});
    qemu_img({"rebase", "-u", "-b", "base.raw", "-F", "raw", top()});
  }

  [[nodiscard]] ProcessResult commit_failing_at(unsigned clone, int error) const {
    Arguments command = with_fault({.at = {}, .error = error, .always = {}, .clone = clone}, report_);
    command.insert(command.end(), {QCHAIN_BINARY, "commit", top()});
    const ProcessResult done = run(command);
    EXPECT_EQ(take_report(report_), "clone") << "nothing failed";
    return done;
  }

  /// The commit is done, and of its runs `cloned` were shared.
  void expect_done(const ProcessResult& commit, std::uint64_t cloned) const {
    ASSERT_EQ(commit.status, 0) << commit.err;
    EXPECT_EQ(record_of(base()).outcome,
              (CommitTotals{.copied = (runs_ - cloned) * cluster, .cloned = cloned * cluster, .zeroed = 0}));
    expect_right();
  }

  void expect_right() const {
    EXPECT_TRUE(read_file(base()) == view_);
    EXPECT_TRUE(verify().good());
  }

  [[nodiscard]] CommitCheck verify() const {
    FileRecordStore records(base());
    FileGate gate(Locking::shared_read);
    const auto check = verify_commit(records, gate, {});
    EXPECT_TRUE(check) << describe(check.error());
    return check.value_or(CommitCheck{});
  }

  [[nodiscard]] std::string base() const { return xfs() / "base.raw"; }
  [[nodiscard]] std::string top() const { return xfs() / "top.qcow2"; }

  ByteVector view_;  ///< what a guest reads

 private:
  TempDir elsewhere_;
  std::string report_ = elsewhere_ / "report";
  std::uint64_t runs_ = 0;
};

/// What the kernel says where two files can't share blocks.
class ImpossibleClone : public FaultyClone, public testing::WithParamInterface<int> {};

TEST_P(ImpossibleClone, InTheMiddleItsBatchIsCopied) {
  make_chain(few);
  const ProcessResult done = commit_failing_at(first + few / 2, GetParam());
  ASSERT_EQ(done.status, 0) << done.err;
  EXPECT_FALSE(record_of(base()).content) << "the first run was shared unread: a digest would lack it";
  expect_done(done, 1);
  EXPECT_TRUE(record_of(base()).content) << "taken by the verification";
}

INSTANTIATE_TEST_SUITE_P(Errors, ImpossibleClone, testing::Values(EINVAL, EOPNOTSUPP, EXDEV),
                         [](const auto& instance) { return std::string(::strerrorname_np(instance.param)); });

TEST_F(FaultyClone, AtOnceAllIsCopiedAndItsDigestStandsForTheLayers) {
  make_chain(few);
  const ProcessResult done = commit_failing_at(first, EOPNOTSUPP);
  ASSERT_EQ(done.status, 0) << done.err;
  EXPECT_TRUE(record_of(base()).content) << "all of it was read";
  std::filesystem::remove(top());
  expect_done(done, 0);
  EXPECT_EQ(verify().by, CheckedBy::digest);
  poke(base(), 2 * cluster + 7, bytes_of("changed"));
  EXPECT_FALSE(verify().good());
}

TEST_F(FaultyClone, SharingStaysOffForTheBatchesBehind) {
  make_chain(three_batches);
  expect_done(commit_failing_at(first + batch / 2, EOPNOTSUPP), 1);
}

TEST_F(FaultyClone, WhatEarlierBatchesSharedStaysShared) {
  make_chain(three_batches);
  expect_done(commit_failing_at(first + 1 + batch + 50, EINVAL), 1 + batch);
}

TEST_F(FaultyClone, OnAFullDiskIsOneLineAndTheSameCommandCompletes) {
  make_chain(few);
  const ProcessResult failed = commit_failing_at(first + few / 2, ENOSPC);
  EXPECT_EQ(failed.status, 2);
  EXPECT_EQ(std::ranges::count(failed.err, '\n'), 1) << failed.err;
  EXPECT_THAT(failed.err, testing::HasSubstr("base.raw: cannot share blocks"));
  EXPECT_THAT(failed.err, testing::HasSubstr("No space left on device"));
  EXPECT_EQ(record_of(base()).state, CommitState::copying);
  EXPECT_TRUE(qemu_bytes(top()) == view_) << "a guest reads what it read";
  const ProcessResult again = run({QCHAIN_BINARY, "commit", top()});
  expect_done(again, few);
}

}  // namespace
}  // namespace qchain::test
