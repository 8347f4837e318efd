#include "fusefs/crew.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "tests/support/seed.h"

namespace qchain::test {
namespace {

using namespace fusefs;
using namespace std::chrono_literals;

constexpr auto patience = 20s;  // only a failure takes that long

/// Requests as a queue of the kernel's: who takes one waits for it, until a signal arrives. One byte is one request.
class RequestQueue {
 public:
  RequestQueue() { EXPECT_EQ(::pipe(ends_.data()), 0); }
  RequestQueue(const RequestQueue&) = delete;
  RequestQueue& operator=(const RequestQueue&) = delete;
  ~RequestQueue() {
    ::close(ends_[0]);
    end();
  }

  void put(char request) { EXPECT_EQ(::write(ends_[1], &request, 1), 1); }
  void end() {
    if (ends_[1] >= 0) ::close(std::exchange(ends_[1], -1));
  }
  /// Nothing where a signal came first; 0 at the end.
  [[nodiscard]] std::optional<char> take() {
    char request = 0;
    ++takers_;
    const ssize_t got = ::read(ends_[0], &request, 1);
    --takers_;
    return got < 0 ? std::nullopt : std::optional(got == 0 ? '\0' : request);
  }
  [[nodiscard]] unsigned takers() const { return takers_; }

 private:
  std::array<int, 2> ends_{-1, -1};
  std::atomic<unsigned> takers_ = 0;
};

/// Something that changes in other threads, waited for.
template <typename Condition>
bool comes_true(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!condition() && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(50us);
  }
  return condition();
}

/// Requests are: 'q' is answered at once, 'w' waits until the 'g' of its round is answered.
class CrewTest : public testing::TestWithParam<unsigned> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(crew_.start([this] { return take_one(); }, [this] { ++ended_; }));
    EXPECT_TRUE(comes_true([this] { return queue_.takers() == usual_; }));
  }
  ~CrewTest() override { let_all_go(); }

  bool take_one() {
    const auto request = queue_.take();
    if (request == 'w') wait_to_be_let_go();
    if (request == 'g') let_go();
    answered_ += request.value_or('\0') != '\0' ? 1 : 0;
    return request != '\0';
  }
  void wait_to_be_let_go() {
    const Waiting waiting = crew_.begin_waiting();
    std::unique_lock lock(mutex_);
    let_go_.wait(lock, [this] { return gone_ >= round_ || is_over_; });
  }
  void put(char request, unsigned count) {
    for (unsigned i = 0; i < count; ++i) queue_.put(request);
  }
  void let_go() {
    const std::scoped_lock lock(mutex_);
    ++gone_;
    let_go_.notify_all();
  }
  void let_all_go() {
    const std::scoped_lock lock(mutex_);
    is_over_ = true;
    let_go_.notify_all();
  }

  /// Who takes a request finds out afterwards whether there are too many.
  void have_all_look_round() {
    for (unsigned i = 0; i < 2 * Crew::most; ++i) {
      const unsigned before = answered_;
      queue_.put('q');
      EXPECT_TRUE(comes_true([&] { return answered_ == before + 1; }));
    }
  }

  RequestQueue queue_;
  std::mutex mutex_;
  std::condition_variable let_go_;
  unsigned gone_ = 0;
  std::atomic<unsigned> round_ = 1;
  bool is_over_ = false;
  std::atomic<unsigned> answered_ = 0;
  std::atomic<unsigned> ended_ = 0;
  unsigned usual_ = GetParam();
  Crew crew_{usual_};  // first to go: its threads use the others
};

TEST_P(CrewTest, TakesRequestsWhileAllOthersWait) {
  put('w', Crew::most - 1);
  EXPECT_TRUE(comes_true([this] { return crew_.waiting() == Crew::most - 1; }));
  put('q', 100);
  EXPECT_TRUE(comes_true([this] { return answered_ == 100U; }));
}

TEST_P(CrewTest, RestsWhereNobodyWaitsAnyMore) {
  put('w', Crew::most - 1);
  EXPECT_TRUE(comes_true([this] { return crew_.waiting() == Crew::most - 1; }));
  let_all_go();
  EXPECT_TRUE(comes_true([this] { return answered_ == Crew::most - 1; }));
  have_all_look_round();
  EXPECT_TRUE(comes_true([this] { return queue_.takers() == usual_; })) << queue_.takers() << " of " << usual_;
}

TEST_P(CrewTest, AnswersWhatWaitsLongerThanThereAreThreads) {
  put('w', Crew::most + 5);
  EXPECT_TRUE(comes_true([this] { return crew_.waiting() == Crew::most; }));
  let_all_go();
  EXPECT_TRUE(comes_true([this] { return answered_ == Crew::most + 5; }));
}

TEST_P(CrewTest, KnowsWhetherAThreadCanBeSpared) {
  EXPECT_TRUE(crew_.can_spare_one());
  put('w', usual_ - 1);
  EXPECT_TRUE(comes_true([this] { return crew_.waiting() == usual_ - 1; }));
  EXPECT_FALSE(crew_.can_spare_one());
}

TEST_P(CrewTest, SaysWhenThereAreNoMoreRequests) {
  queue_.end();
  EXPECT_TRUE(comes_true([this] { return ended_ > 0U; }));
}

TEST_P(CrewTest, IsStoppedWhileItWaitsForRequests) {
  crew_.stop();
  EXPECT_EQ(queue_.takers(), 0U);
  EXPECT_EQ(ended_, 0U) << "nobody asked it to tell what was known";
}

TEST_P(CrewTest, IsStoppedWhileSomeRest) {
  put('w', Crew::most);
  EXPECT_TRUE(comes_true([this] { return crew_.waiting() == Crew::most; }));
  let_all_go();
  EXPECT_TRUE(comes_true([this] { return answered_ == Crew::most; }));
  have_all_look_round();
  EXPECT_TRUE(comes_true([this] { return queue_.takers() == usual_; }));
  crew_.stop();
  EXPECT_EQ(queue_.takers(), 0U);
}

// Whatever the order in which threads begin and end to wait, there always is one that takes what lets the others go.
TEST_P(CrewTest, NeverLeavesNobodyToTakeRequests) {
  Random random(announced_seed());
  unsigned asked = 0;
  for (int round = 0; round < 3000; ++round) {
    const auto waiting = static_cast<unsigned>(random.below(Crew::most));
    put('w', waiting);
    queue_.put('g');
    asked += waiting + 1;
    ASSERT_TRUE(comes_true([&] { return answered_ == asked; })) << "in round " << round_;
    ++round_;
  }
}

INSTANTIATE_TEST_SUITE_P(Of, CrewTest, testing::Values(2U, 3U, Crew::most));

}  // namespace
}  // namespace qchain::test
