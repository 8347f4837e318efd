// What may go wrong while a guest runs on the chain that is merged. By QMP.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "tests/live/support/commit_lab.h"
#include "tests/support/files.h"
#include "tests/support/loop_xfs.h"
#include "tests/support/qemu.h"
#include "tests/support/seed.h"

namespace qchain::test {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

/// base.raw <- a <- b <- c with data in each, and the guest at work on c.
class LiveCommit : public CommitLab {};

TEST_F(LiveCommit, IsCancelledWhenTheBaseIsWrongBeforeTheSwitchAndDoneByTheNextRun) {
  start();
  const std::uint64_t place = somewhere_in(chain().file("b"));
  const auto commit = begin_commit({"--bandwidth", "4"});
  machine().monitor().wait_for("JOB_STATUS_CHANGE");  // it runs
  commit->send(SIGSTOP);
  machine().monitor().wait_for("BLOCK_JOB_PENDING");
  const ByteVector byte = read_file(chain().file("base"), place, 1);
  poke(chain().file("base"), place, bytes_of({std::to_integer<unsigned>(byte[0]) ^ 1U}));
  commit->send(SIGCONT);
  EXPECT_THAT(commit->read_errors(), HasSubstr("cancelled before the switch"));
  EXPECT_EQ(commit->wait(), 1);
  expect_unharmed(machine(), "cancelled");
  EXPECT_TRUE(is_as_before());
  expect_committed();
}

TEST_F(LiveCommit, KilledAtAnyMomentIsDoneByTheNextRun) {
  start();
  Random random(guest_seed_number());
  for (int kill = 0; kill < kills(); ++kill) {
    const auto commit = begin_commit({"--bandwidth", "8"});
    std::this_thread::sleep_for(std::chrono::milliseconds(random.below(4000)));  // any moment will do
    commit->send(SIGKILL);
    std::cout << "kill " << kill << (commit->wait() == 128 + SIGKILL ? "" : ": it was done before") << '\n';
    expect_unharmed(machine(), "killed");
    const ProcessResult again = commit_again();
    ASSERT_EQ(again.status, 0) << again.err;
    expect_unharmed(machine(), "run again");
    EXPECT_TRUE(is_merged());
    next_round();
  }
  expect_right_on_disk(machine(), chain().active());
}

TEST_F(LiveCommit, SurvivesTheDeathOfQemuAtAnyMoment) {
  Random random(guest_seed_number());
  for (int kill = 0; kill < std::max(kills() / 2, 1); ++kill) {
    start();
    const auto commit = begin_commit({"--bandwidth", "8"});
    std::this_thread::sleep_for(std::chrono::milliseconds(random.below(4000)));  // any moment will do
    kill_machine(*commit);
    expect_completed_offline();
    clear();
  }
}

TEST_F(LiveCommit, TellsOfAFullFileSystemAndIsDoneOnceThereIsRoom) {
  const LoopXfs xfs;
  if (!xfs.ok()) {
    GTEST_SKIP() << "no small file system here: " << xfs.reason();
  }
  start(xfs.path());
  fill(xfs.path(), 4 << 20);
  const ProcessResult full = commit_again();
  EXPECT_EQ(full.status, 2);
  EXPECT_THAT(full.err, AnyOf(HasSubstr("full"), HasSubstr("No space left"), HasSubstr("room")));
  expect_unharmed(machine(), "full file system");
  EXPECT_TRUE(is_as_before());
  make_room(xfs.path());
  expect_committed();
}

TEST_F(LiveCommit, IsRefusedWhileAnotherMachineRunsOnTheBase) {
  start();
  create_overlay(folder() / "other.qcow2", chain().file("base"), "raw");
  {
    const IdleQemu other(folder() / "other", folder() / "other.qcow2");
    const ProcessResult refused = commit_again();
    EXPECT_EQ(refused.status, 2);
    EXPECT_THAT(refused.err, AnyOf(HasSubstr("open"), HasSubstr("other.qcow2")));
    EXPECT_TRUE(is_as_before());
    expect_unharmed(machine(), "refused");
  }
  std::filesystem::remove(folder() / "other.qcow2");
  expect_committed();
}

TEST_F(LiveCommit, IsRefusedWhileAJobRunsAndSoIsASnapshot) {
  start();
  machine().monitor().execute("block-commit", {{"job-id", "theirs"},
                                               {"device", "c"},
                                               {"top-node", "a"},
                                               {"base-node", "base"},
                                               {"speed", 1},
                                               {"auto-dismiss", false}});
  const ProcessResult snapshot = tested().qchain("snapshot", "vda=" + chain().file("d"));
  EXPECT_EQ(snapshot.status, 2);
  EXPECT_THAT(snapshot.err, HasSubstr("job"));
  EXPECT_FALSE(std::filesystem::exists(chain().file("d")));
  const ProcessResult commit = commit_again();
  EXPECT_EQ(commit.status, 2);
  EXPECT_THAT(commit.err, HasSubstr("job"));
  machine().monitor().execute("job-cancel", {{"id", "theirs"}});
  EXPECT_NE(machine().monitor().wait_until_concluded("theirs"), "");
  machine().monitor().execute("job-dismiss", {{"id", "theirs"}});
  expect_unharmed(machine(), "refused");
  expect_committed();
}

TEST_F(LiveCommit, GoesOnAfterASnapshotThatCameInBetween) {
  start();
  const auto commit = begin_commit({"--bandwidth", "2"});
  machine().monitor().wait_for("JOB_STATUS_CHANGE");
  commit->send(SIGINT);
  EXPECT_THAT(commit->read_errors(),
              HasSubstr("cancelled; the chain is as before; the same command again starts anew"));
  EXPECT_EQ(commit->wait(), 130);
  EXPECT_TRUE(machine().monitor().execute("query-jobs").empty());
  EXPECT_TRUE(is_as_before());
  snapshot(machine(), chain(), "d");
  expect_unharmed(machine(), "interrupted");
  const ProcessResult done = commit_again();
  ASSERT_EQ(done.status, 0) << done.err;
  expect_unharmed(machine(), "committed");
  EXPECT_THAT(qemu_img({"info", "-U", chain().file("c")}), HasSubstr(chain().file("base")));
  expect_right_on_disk(machine(), chain().file("d"));
}

TEST_F(LiveCommit, OfAGuestThatWritesFasterThanItEndsAtItsDeadline) {
  start();
  machine().guest().set_rate(0);
  const ProcessResult late = active_commit({"--bandwidth", "1", "--timeout", "3", "--timeout-policy", "cancel"});
  EXPECT_EQ(late.status, 2) << late.err;
  EXPECT_THAT(late.err, HasSubstr("cancelled"));
  expect_unharmed(machine(), "deadline");
  const ProcessResult done = active_commit({"--bandwidth", "1", "--timeout", "5", "--timeout-policy", "raise-speed"});
  EXPECT_EQ(done.status, 0) << done.err;
  expect_unharmed(machine(), "at full speed");
  EXPECT_EQ(active_file(machine()), chain().file("base"));
  expect_right_on_disk(machine(), chain().file("base"), "raw");
}

TEST_F(LiveCommit, EndsWhenQemuFallsSilentAndGoesOnWhenItSpeaksAgain) {
  if (!is_campaign()) {
    GTEST_SKIP() << "waits a minute: part of campaigns, with QCHAIN_LIVE_KILLS set";
  }
  start();
  machine().send(SIGSTOP);
  const ProcessResult silent = commit_again();
  machine().send(SIGCONT);
  EXPECT_EQ(silent.status, 2);
  EXPECT_THAT(silent.err, HasSubstr("answer"));
  expect_committed();
}

}  // namespace
}  // namespace qchain::test
