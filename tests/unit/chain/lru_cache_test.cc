#include "qcow/chain/lru_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>
#include <vector>

namespace qchain {
namespace {

using Cache = LruCache<int, int, std::hash<int>>;

/// Keys of one shard: there are eight, told by the hash modulo eight.
int same_shard(int n) {
  return n * 8;
}

int get(Cache& cache, int key, int& made, std::size_t weight = 100) {
  return *cache.get(key, [&] {
    ++made;
    return std::pair(std::make_shared<const int>(key), weight);
  });
}

TEST(LruCache, MakesAValueOnce) {
  Cache cache(8 * 1000);
  int made = 0;
  EXPECT_EQ(get(cache, 5, made), 5);
  EXPECT_EQ(get(cache, 5, made), 5);
  EXPECT_EQ(made, 1);
}

TEST(LruCache, EvictsTheLeastRecentlyUsedBeyondTheBudget) {
  Cache cache(8 * 250);
  int made = 0;
  get(cache, same_shard(1), made);
  get(cache, same_shard(2), made);
  get(cache, same_shard(1), made);  // now 2 is the oldest
  get(cache, same_shard(3), made);  // 300 > 250: 2 goes
  EXPECT_EQ(made, 3);
  get(cache, same_shard(1), made);
  EXPECT_EQ(made, 3);
  get(cache, same_shard(2), made);
  EXPECT_EQ(made, 4);
}

TEST(LruCache, AValueLargerThanTheBudgetStaysWhileItIsTheNewest) {
  Cache cache(8);
  int made = 0;
  get(cache, same_shard(1), made);
  get(cache, same_shard(1), made);
  EXPECT_EQ(made, 1);
  get(cache, same_shard(2), made);
  get(cache, same_shard(1), made);
  EXPECT_EQ(made, 3);
}

TEST(LruCache, FindsWhatHasBeenMade) {
  Cache cache(8 * 250);
  int made = 0;
  EXPECT_FALSE(cache.find(same_shard(1)));
  get(cache, same_shard(1), made);
  get(cache, same_shard(2), made);
  ASSERT_TRUE(cache.find(same_shard(1)));
  EXPECT_EQ(*cache.find(same_shard(1)), same_shard(1));
  get(cache, same_shard(3), made);  // 300 > 250: 2 goes, as 1 was found after it
  EXPECT_TRUE(cache.find(same_shard(1)));
  EXPECT_FALSE(cache.find(same_shard(2)));
  cache.forget(same_shard(1));
  EXPECT_FALSE(cache.find(same_shard(1)));
}

TEST(LruCache, FindsNothingWhileItIsBeingMade) {
  Cache cache(8000);
  static_cast<void>(cache.get(5, [&] {
    EXPECT_FALSE(cache.find(5));
    return std::pair(std::make_shared<const int>(5), std::size_t{100});
  }));
  EXPECT_TRUE(cache.find(5));
}

TEST(LruCache, ThreadsThatWantOneValueMakeItOnce) {
  Cache cache(8 * 1000);
  std::atomic<int> made = 0;
  std::latch start(4);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        start.arrive_and_wait();
        for (int key = 0; key < 100; ++key) {
          const auto value = cache.get(key, [&] {
            ++made;
            return std::pair(std::make_shared<const int>(key), std::size_t{1});
          });
          ASSERT_EQ(*value, key);
        }
      });
    }
  }
  EXPECT_EQ(made, 100);
}

}  // namespace
}  // namespace qchain
