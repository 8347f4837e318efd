#include "live/job_watch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>

#include "live/qmp/qmp_machine.h"
#include "tests/unit/live/fake_qemu.h"

namespace qchain::live {
namespace {

using namespace std::chrono_literals;
using qmp::Json;
using test::event;
using test::FakeQemu;
using test::returned;

constexpr const char* handle = "qchain-vda";

Json job(const std::string& status, const std::string& error = {}) {
  Json state{{"id", handle}, {"type", "commit"}, {"status", status}, {"current-progress", 5}, {"total-progress", 10}};
  if (!error.empty()) {
    state["error"] = error;
  }
  return returned(Json::array({state}));
}

/// Answers to query-jobs, one after the other; the last one again and again.
FakeQemu::Script answers(std::vector<std::vector<Json>> all) {
  return [all, next = std::size_t{0}](const std::string& command, const Json&) mutable {
    if (command != "query-jobs") {
      return std::vector<Json>{returned()};
    }
    const std::size_t now = std::min(next++, all.size() - 1);
    return all[now];
  };
}

class JobWatchTest : public testing::Test {
 protected:
  Result<JobState> watch(FakeQemu& qemu, Phase wanted) {
    auto client = qmp::Client::open(qemu.take_socket(), {.reply_timeout = 2s});
    machine_.emplace(*std::move(client));
    around_.emplace(LiveSurroundings{.machine = *machine_,
                                     .records = {},
                                     .progress = [](std::uint64_t, std::uint64_t) {},
                                     .verify_progress = [](std::uint64_t, std::uint64_t) {},
                                     .say = [](const std::string&) {},
                                     .stop = {}});
    watch_.emplace(request_, *around_, handle);
    return watch_->until(wanted);
  }

  LiveRequest request_;
  std::optional<qmp::QmpMachine> machine_;
  std::optional<LiveSurroundings> around_;
  std::optional<JobWatch> watch_;
};

TEST_F(JobWatchTest, AFailedJobThatReportsCompletedHasFailed) {
  FakeQemu qemu(answers({{job("running"), event("BLOCK_JOB_COMPLETED", {{"device", handle}, {"error", "No space"}})},
                         {job("concluded", "No space left on device")}}));
  const auto state = watch(qemu, Phase::completed);
  ASSERT_TRUE(state) << describe(state.error());
  EXPECT_EQ(state->phase, Phase::failed);
  EXPECT_EQ(state->reason, "No space left on device");
}

TEST_F(JobWatchTest, AJobThatWasOverBeforeWeLookedIsOver) {
  FakeQemu qemu(answers({{job("concluded")}}));
  const auto state = watch(qemu, Phase::pending);
  ASSERT_TRUE(state) << describe(state.error());
  EXPECT_EQ(state->phase, Phase::completed);
}

TEST_F(JobWatchTest, AnEventBeforeTheAnswerIsNoLoss) {
  FakeQemu qemu(
      answers({{event("BLOCK_JOB_PENDING", {{"type", "commit"}, {"id", handle}}), job("running")}, {job("pending")}}));
  const auto start = Clock::now();
  const auto state = watch(qemu, Phase::pending);
  ASSERT_TRUE(state) << describe(state.error());
  EXPECT_EQ(state->phase, Phase::pending);
  EXPECT_LT(Clock::now() - start, 20s);
}

TEST_F(JobWatchTest, ACancelledJobIsNotCompleted) {
  FakeQemu qemu(answers({{job("aborting")}, {job("concluded", "Operation canceled")}}));
  const auto state = watch(qemu, Phase::completed);
  ASSERT_TRUE(state) << describe(state.error());
  EXPECT_EQ(state->phase, Phase::cancelled);
}

TEST_F(JobWatchTest, AJobThatIsGoneIsAnError) {
  FakeQemu qemu(answers({{job("running"), event("STOP")}, {returned(Json::array({Json(7), Json::object()}))}}));
  const auto state = watch(qemu, Phase::completed);
  ASSERT_FALSE(state);
  EXPECT_NE(state.error().what.find("is gone"), std::string::npos);
}

TEST_F(JobWatchTest, AStoppedGuestIsNoticed) {
  FakeQemu qemu(answers({{event("STOP"), event("RESUME"), job("running")}, {job("running")}, {job("pending")}}));
  ASSERT_TRUE(watch(qemu, Phase::pending));
  EXPECT_TRUE(watch_->guest_stopped());
}

TEST_F(JobWatchTest, AConnectionThatClosesIsAnError) {
  FakeQemu qemu(answers({{job("running")}, {Json()}}));
  const auto state = watch(qemu, Phase::pending);
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().kind, ErrorKind::io);
}

TEST_F(JobWatchTest, SilenceIsAnError) {
  FakeQemu qemu(answers({{job("running")}, {}}));
  const auto state = watch(qemu, Phase::pending);
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().os_error, ETIMEDOUT);
}

TEST_F(JobWatchTest, AJobThatNeverEndsEndsAtTheTimeout) {
  request_.timeout = 1s;
  FakeQemu qemu(answers({{job("ready")}}));
  const auto state = watch(qemu, Phase::pending);
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().os_error, ETIMEDOUT);
  EXPECT_NE(state.error().what.find("50 %"), std::string::npos) << state.error().what;
}

TEST_F(JobWatchTest, TheTimeoutCanRaiseTheSpeedFirst) {
  request_.timeout = 1s;
  request_.at_timeout = AtTimeout::raise_speed;
  auto qemu = std::make_unique<FakeQemu>(answers({{job("running")}}));
  const auto state = watch(*qemu, Phase::pending);
  EXPECT_FALSE(state);
  watch_.reset();
  around_.reset();
  machine_.reset();
  EXPECT_EQ(std::ranges::count(qemu->commands(), "block-job-set-speed"), 1);
}

}  // namespace
}  // namespace qchain::live
