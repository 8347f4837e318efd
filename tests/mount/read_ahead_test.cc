#include "fusefs/read_ahead.h"

#include <gtest/gtest.h>

namespace qchain::fusefs {
namespace {

constexpr std::uint64_t kib128 = 128 << 10;
constexpr std::uint64_t far_away = std::uint64_t{1} << 40;

class ReadAheadTest : public testing::Test {
 protected:
  std::optional<Range> request(std::uint64_t number) {
    const ReadAhead::Fetch fetch = ahead_.next({number * kib128, kib128}, limit_);
    fetches_itself_ = !fetch.request.empty();
    return fetch.ahead.empty() ? std::nullopt : std::optional(fetch.ahead);
  }

  ReadAhead ahead_;
  std::uint64_t limit_ = far_away;
  bool fetches_itself_ = false;
};

TEST_F(ReadAheadTest, WaitsForARun) {
  EXPECT_EQ(request(0), std::nullopt);
  EXPECT_EQ(request(1), std::nullopt);
  EXPECT_EQ(request(2), (Range{3 * kib128, ReadAhead::distance}));
}

TEST_F(ReadAheadTest, FetchesEachByteOnceInALongRun) {
  std::uint64_t fetched = 3 * kib128;
  for (std::uint64_t i = 0; i < 200; ++i) {
    if (const auto range = request(i)) {
      EXPECT_EQ(range->start, fetched);
      fetched = range->end();
      EXPECT_LE(fetched, (i + 1) * kib128 + ReadAhead::distance);
    }
  }
  EXPECT_GT(fetched, 200 * kib128 + ReadAhead::distance / 2);
}

TEST_F(ReadAheadTest, ARequestThatWasFetchedAheadIsNotFetchedAgain) {
  for (std::uint64_t i = 0; i < 100; ++i) {
    static_cast<void>(request(i));
    EXPECT_EQ(fetches_itself_, i < 3) << i;
  }
  static_cast<void>(request(1000));
  EXPECT_TRUE(fetches_itself_);
}

TEST_F(ReadAheadTest, ALateRequestFromBeforeTheRunIsFetched) {
  for (const std::uint64_t place : {0, 1, 3}) {
    static_cast<void>(request(place));
  }
  static_cast<void>(request(2));
  EXPECT_TRUE(fetches_itself_);
}

TEST_F(ReadAheadTest, LeavesRandomReadersAlone) {
  for (const std::uint64_t place : {500, 20, 900, 90, 700, 300, 10, 800}) {
    EXPECT_EQ(request(place), std::nullopt);
  }
}

TEST_F(ReadAheadTest, BearsWithRequestsThatOvertakeEachOther) {
  static_cast<void>(request(1));
  static_cast<void>(request(0));
  EXPECT_EQ(request(3), (Range{4 * kib128, ReadAhead::distance}));
}

TEST_F(ReadAheadTest, EndsAtTheLimit) {
  limit_ = 5 * kib128;
  static_cast<void>(request(0));
  static_cast<void>(request(1));
  EXPECT_EQ(request(2), (Range{3 * kib128, 2 * kib128}));
  EXPECT_EQ(request(3), std::nullopt);
  EXPECT_EQ(request(4), std::nullopt);
}

TEST_F(ReadAheadTest, StartsAnewElsewhere) {
  for (std::uint64_t i = 0; i < 4; ++i) {
    static_cast<void>(request(i));
  }
  EXPECT_EQ(request(1000), std::nullopt);
  EXPECT_EQ(request(1001), std::nullopt);
  EXPECT_EQ(request(1002), (Range{1003 * kib128, ReadAhead::distance}));
}

}  // namespace
}  // namespace qchain::fusefs
