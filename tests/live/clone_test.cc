// Commits that replace the base, under a guest that knows what its disk must hold. By QMP, on an XFS that shares
// blocks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "tests/live/support/commit_lab.h"
#include "tests/support/loop_xfs.h"
#include "tests/support/seed.h"

namespace qchain::test {
namespace {

using testing::HasSubstr;

class CloneCommit : public CommitLab {
 protected:
  void SetUp() override {
    if (!xfs_.ok()) {
      GTEST_SKIP() << "no XFS here that shares blocks: " << xfs_.reason();
    }
    engine_ = {"--engine=clone"};
    CommitLab::SetUp();
  }
  void TearDown() override { end(); }
  /// A commit takes some 200 ms.
  static void wait_some_time(Random& random) {
    std::this_thread::sleep_for(std::chrono::milliseconds(random.below(400)));
  }

  LoopXfs xfs_;
};

TEST_F(CloneCommit, LeavesTheGuestUnharmed) {
  start_in(xfs_.path());
  expect_committed();
}

TEST_F(CloneCommit, PivotsUnderTheGuest) {
  start_in(xfs_.path());
  const ProcessResult done = active_commit({"--verbose"});
  ASSERT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("engine: clone"));
  EXPECT_EQ(active_file(machine()), chain().file("base"));
  expect_unharmed(machine(), "pivoted");
  expect_right_on_disk(machine(), chain().file("base"), "raw");
}

TEST_F(CloneCommit, KilledAtAnyMomentIsDoneByTheNextRun) {
  Random random(guest_seed_number());
  for (int kill = 0; kill < kills(); ++kill) {
    start_in(xfs_.path());
    const auto commit = begin_commit();
    wait_some_time(random);  // any moment will do
    commit->send(SIGKILL);
    std::cout << "kill " << kill << (commit->wait() == 128 + SIGKILL ? "" : ": it was done before") << '\n';
    expect_unharmed(machine(), "killed");
    expect_committed();
    clear();
  }
}

TEST_F(CloneCommit, SurvivesTheDeathOfQemuAtAnyMoment) {
  Random random(guest_seed_number());
  for (int kill = 0; kill < std::max(kills() / 2, 1); ++kill) {
    start_in(xfs_.path());
    const auto commit = begin_commit();
    wait_some_time(random);  // any moment will do
    kill_machine(*commit);
    expect_completed_offline();
    clear();
  }
}

}  // namespace
}  // namespace qchain::test
