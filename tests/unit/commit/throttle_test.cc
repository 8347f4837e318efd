#include "qcow/commit/throttle.h"

#include <gtest/gtest.h>

#include <chrono>
#include <stop_token>
#include <thread>

namespace qchain {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr std::uint64_t rate = 10'000'000;
constexpr auto credit = 100ms;

Clock::duration time_of(std::uint64_t pieces, std::uint64_t bytes, Throttle& throttle,
                        const std::stop_token& stop = {}) {
  const auto start = Clock::now();
  for (std::uint64_t i = 0; i < pieces; ++i) {
    throttle.spend(bytes, stop);
  }
  return Clock::now() - start;
}

TEST(Throttle, LetsPassNoMoreThanTheRateAllows) {
  Throttle throttle(rate);
  EXPECT_GE(time_of(50, rate / 100, throttle), 500ms);
}

TEST(Throttle, MakesUpForAPauseByATenthOfASecondAtTheMost) {
  Throttle throttle(rate);
  throttle.spend(1, {});
  std::this_thread::sleep_for(300ms);
  EXPECT_GE(time_of(30, rate / 100, throttle), 300ms - credit);
}

TEST(Throttle, OfNoRateDoesNotWait) {
  Throttle throttle(0);
  EXPECT_LT(time_of(1000, rate, throttle), 1s);
}

TEST(Throttle, StopsWaitingWhenAsked) {
  Throttle throttle(1);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_LT(time_of(1, 1'000'000, throttle, stop.get_token()), 10s);
}

}  // namespace
}  // namespace qchain
