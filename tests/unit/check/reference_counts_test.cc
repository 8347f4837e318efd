#include "qcow/check/reference_counts.h"

#include <gtest/gtest.h>

namespace qchain {
namespace {

constexpr std::uint64_t page = ReferenceCounts::page_clusters;

TEST(ReferenceCounts, CountsUpToTheHighest) {
  ReferenceCounts counts(0, 2, 10);
  EXPECT_TRUE(counts.add(5, ClusterUse::data));
  EXPECT_TRUE(counts.add(5, ClusterUse::data));
  EXPECT_FALSE(counts.add(5, ClusterUse::data));
  EXPECT_EQ(counts.count(5), 2U);
  EXPECT_EQ(counts.count(6), 0U);
}

TEST(ReferenceCounts, GivesUpWhatLiesFarthestOut) {
  ReferenceCounts counts(0, 9, 4);
  for (const std::uint64_t number : {7U, 1U, 5U, 3U, 2U}) {
    EXPECT_TRUE(counts.add(number * page, ClusterUse::data));
  }
  EXPECT_LE(counts.pages().size(), 4U);
  EXPECT_EQ(counts.end(), 5 * page);
  EXPECT_EQ(counts.count(1 * page), 1U);
  EXPECT_EQ(counts.count(2 * page), 1U);
  EXPECT_FALSE(counts.covers(7 * page));
  EXPECT_TRUE(counts.add(7 * page, ClusterUse::data));
  EXPECT_EQ(counts.count(7 * page), 0U);
}

TEST(ReferenceCounts, TheNewPageMayBeAmongThoseGivenUp) {
  ReferenceCounts counts(0, 9, 2);
  for (const std::uint64_t number : {1U, 2U, 9U}) {
    EXPECT_TRUE(counts.add(number * page, ClusterUse::data));
  }
  EXPECT_EQ(counts.end(), 2 * page);
  EXPECT_EQ(counts.pages().size(), 1U);
}

TEST(ReferenceCounts, BeginsWhereItIsTold) {
  ReferenceCounts counts(2 * page, 9, 4);
  EXPECT_TRUE(counts.add(page, ClusterUse::data));
  EXPECT_EQ(counts.count(page), 0U);
  EXPECT_FALSE(counts.covers(page));
}

std::uint64_t overlaps(const ReferenceCounts& counts) {
  return counts.pages().begin()->second.overlaps();
}

TEST(ReferenceCounts, SharedDataAndSharedTablesAreNoOverlap) {
  ReferenceCounts counts(0, 9, 4);
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(counts.add(1, ClusterUse::data));
    EXPECT_TRUE(counts.add(2, ClusterUse::table));
  }
  EXPECT_TRUE(counts.add(3, ClusterUse::structure));
  EXPECT_EQ(overlaps(counts), 0U);
}

TEST(ReferenceCounts, StructuresOverlapWithAnything) {
  ReferenceCounts counts(0, 1, 4);  // even where counting stops at one
  EXPECT_TRUE(counts.add(1, ClusterUse::structure));
  EXPECT_FALSE(counts.add(1, ClusterUse::structure));
  EXPECT_TRUE(counts.add(2, ClusterUse::structure));
  EXPECT_FALSE(counts.add(2, ClusterUse::data));
  EXPECT_TRUE(counts.add(3, ClusterUse::table));
  EXPECT_FALSE(counts.add(3, ClusterUse::data));
  EXPECT_TRUE(counts.add(4, ClusterUse::table));
  EXPECT_FALSE(counts.add(4, ClusterUse::structure));
  EXPECT_EQ(overlaps(counts), 0b11110U);
}

}  // namespace
}  // namespace qchain
