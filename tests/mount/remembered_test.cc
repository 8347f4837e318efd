#include "fusefs/remembered.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>
#include <vector>

namespace qchain::fusefs {
namespace {

TEST(RememberedValue, IsUnknownUntilAskedFor) {
  Remembered<int> value;
  EXPECT_EQ(value.known(), nullptr);
  EXPECT_EQ(value.get([] { return 7; }), 7);
  ASSERT_NE(value.known(), nullptr);
  EXPECT_EQ(*value.known(), 7);
}

TEST(RememberedValue, IsFoundOutOnce) {
  Remembered<int> value;
  EXPECT_EQ(value.get([] { return 7; }), 7);
  EXPECT_EQ(value.get([] { return 8; }), 7);
}

TEST(RememberedValue, IsFoundOutOnceByManyAtOnce) {
  Remembered<int> value;
  std::atomic<int> calls{0};
  std::latch all_there(4);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        all_there.arrive_and_wait();
        EXPECT_EQ(value.get([&] { return 40 + ++calls; }), 41);
      });
    }
  }
  EXPECT_EQ(calls, 1);
}

TEST(RememberedValue, IsNotWaitedForByWhoOnlyLooks) {
  Remembered<int> value;
  EXPECT_EQ(value.get([&] { return value.known() == nullptr ? 1 : 2; }), 1);
}

}  // namespace
}  // namespace qchain::fusefs
