#include "qcow/copy/qcow2_writer.h"

#include <gtest/gtest.h>

namespace qchain {
namespace {

constexpr std::uint32_t cluster_bits = 16;
constexpr std::uint64_t per_block = 32768;   ///< 16-bit refcounts in a cluster
constexpr std::uint64_t per_cluster = 8192;  ///< entries of the refcount table in a cluster

bool is_enough(std::uint64_t used, const RefcountSpace& space) {
  return space.blocks * per_block >= used + space.blocks + space.table_clusters &&
         space.table_clusters * per_cluster >= space.blocks;
}

TEST(RefcountSpaceTest, CoversItselfToo) {
  for (const std::uint64_t border : {per_block, 2 * per_block, per_block * per_cluster}) {
    for (std::uint64_t used = border - 10; used < border + 10; ++used) {
      EXPECT_TRUE(is_enough(used, refcount_space(used, cluster_bits))) << used;
    }
  }
}

TEST(RefcountSpaceTest, OneBlockAsLongAsAllFits) {
  EXPECT_EQ(refcount_space(1, cluster_bits).blocks, 1U);
  EXPECT_EQ(refcount_space(per_block - 2, cluster_bits).blocks, 1U);
  EXPECT_EQ(refcount_space(per_block - 1, cluster_bits).blocks, 2U);
}

}  // namespace
}  // namespace qchain
