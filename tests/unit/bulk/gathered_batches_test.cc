// What the page cache has is read in guest order: neighbours together, wherever they lie.
#include "qcow/bulk/gathered_batches.h"

#include <gtest/gtest.h>

#include "qcow/bulk/cached_extents.h"
#include "tests/unit/chain/fake_image.h"

namespace qchain::test {
namespace {

constexpr std::uint64_t mib = std::uint64_t{1} << 20;
constexpr std::uint64_t kib = std::uint64_t{1} << 10;

Extent data(std::uint64_t start, std::uint64_t length, std::uint64_t offset, std::uint32_t layer = 0) {
  return {.start = start, .length = length, .offset = offset, .layer = layer, .kind = ExtentKind::data};
}

TEST(GatheredBatches, NeighboursInTheGuestAreNeighboursInMemory) {
  GatheredBatches batches({data(64 * kib, 64 * kib, 0), data(0, 64 * kib, 5 * mib, 1), data(256 * kib, 64 * kib, mib)});
  const auto batch = batches.next();
  ASSERT_TRUE(batch);
  ASSERT_EQ(batch->parts.size(), 3U);
  EXPECT_EQ(batch->parts[0].extent, data(0, 64 * kib, 5 * mib, 1));
  EXPECT_EQ(batch->parts[0].place, 0U);
  EXPECT_EQ(batch->parts[1].extent, data(64 * kib, 64 * kib, 0));
  EXPECT_EQ(batch->parts[1].place, 64 * kib);
  EXPECT_EQ(batch->parts[2].place, 128 * kib) << "the gap is none in memory";
  EXPECT_FALSE(batches.next());
}

/// Else they could not be written past the cache.
TEST(GatheredBatches, AWholeBlockOfTheGuestIsOneInMemory) {
  GatheredBatches batches({data(512, 1024, 0), data(1536, 8192, 4096), data(20480 + 512, 4096, 65536)});
  const auto batch = batches.next();
  ASSERT_TRUE(batch);
  ASSERT_EQ(batch->parts.size(), 3U);
  for (const auto& [extent, place] : batch->parts) {
    EXPECT_EQ(place % 4096, extent.start % 4096) << extent.start;
  }
  EXPECT_EQ(batch->parts[1].place, 1536U);
  EXPECT_EQ(batch->parts[2].place, 12288U + 512U) << "the next block that is free";
}

TEST(GatheredBatches, CutsWhatIsTooMuchForOne) {
  GatheredBatches batches({data(512, 2 * mib, 512), data(2 * mib + 512, 4096, 0)});
  std::uint64_t position = 512;
  std::size_t count = 0;
  while (const auto batch = batches.next()) {
    for (const auto& [extent, place] : batch->parts) {
      EXPECT_EQ(extent.start, position);
      EXPECT_LE(place + extent.length, GatheredBatches::batch_size);
      position = extent.end();
    }
    ++count;
  }
  EXPECT_EQ(position, 2 * mib + 512 + 4096);
  EXPECT_EQ(count, 3U);
  EXPECT_LE(count, batches.bound());
}

/// Of a file and of an extent an eighth may be missing.
TEST(CachedExtents, TakesWhatLiesInFilesThatAreInMemory) {
  const auto there = std::make_shared<FakeImage>(mib, Extents{}, std::vector<std::byte>(16), 1);
  const auto nearly = std::make_shared<FakeImage>(mib, Extents{}, std::vector<std::byte>(16), 2);
  const auto missing = std::make_shared<FakeImage>(mib, Extents{}, std::vector<std::byte>(16), 3);
  there->pretend_in_memory();
  nearly->pretend_in_memory(9 * mib);
  missing->pretend_in_memory(8 * mib);
  const View view(slice_of({there, nearly, missing}), ViewCaches{});
  const Extent packed{.start = 40 * mib, .length = 64 * kib, .offset = 0, .kind = ExtentKind::compressed};
  Extents extents{data(0, 10 * mib, 0, 0), data(10 * mib, 10 * mib, 0, 1), data(20 * mib, 10 * mib, 0, 2), packed};
  EXPECT_EQ(take_cached(view, extents), (Extents{data(0, 10 * mib, 0, 0), data(10 * mib, 10 * mib, 0, 1)}));
  EXPECT_EQ(extents, (Extents{data(20 * mib, 10 * mib, 0, 2), packed})) << "what is compressed lies densely";
}

/// What is missing of it comes from the disk in large pieces, as other files do.
TEST(CachedExtents, LeavesWhatIsMissingOfAFileThatIsNearlyAllThere) {
  const auto image = std::make_shared<FakeImage>(10 * mib, Extents{}, std::vector<std::byte>(16));
  image->pretend_in_memory(9 * mib);
  const View view(slice_of({image}), ViewCaches{});
  Extents extents{data(0, mib, 9 * mib), data(mib, 9 * mib, 0)};
  EXPECT_EQ(take_cached(view, extents), (Extents{data(mib, 9 * mib, 0)}));
  EXPECT_EQ(extents, (Extents{data(0, mib, 9 * mib)}));
}

}  // namespace
}  // namespace qchain::test
