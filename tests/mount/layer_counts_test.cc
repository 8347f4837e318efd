#include "fusefs/layer_counts.h"

#include <gtest/gtest.h>

#include "fusefs/stored_bytes.h"
#include "tests/support/seed.h"
#include "tests/unit/chain/fake_image.h"

namespace qchain::test {
namespace {

using fusefs::count_stored;
using fusefs::count_stored_up_to_each;

std::shared_ptr<FakeImage> image(std::uint64_t size, std::initializer_list<Extent> extents) {
  return std::make_shared<FakeImage>(size, Extents(extents));
}

Extent data(std::uint64_t start, std::uint64_t length) {
  return {.start = start, .length = length, .offset = start, .kind = ExtentKind::data};
}

TEST(LayerCounts, AddWhatALayerAddsAndTakeAwayWhatItHides) {
  const Slice slice =
      slice_of({image(65536, {data(0, 8192)}), image(65536, {data(4096, 8192)}),
                image(65536, {{.start = 0, .length = 4096, .kind = ExtentKind::zero}}), image(65536, {})});
  EXPECT_EQ(count_stored_up_to_each(slice), (std::vector<std::uint64_t>{8192, 12288, 8192, 8192}));
}

TEST(LayerCounts, EndWithAShortLayerEvenUnderALongerOne) {
  const Slice slice = slice_of({image(65536, {data(0, 65536)}), image(8192, {}), image(131072, {})});
  EXPECT_EQ(count_stored_up_to_each(slice), (std::vector<std::uint64_t>{65536, 8192, 8192}));
}

TEST(LayerCounts, BeginWithTheSlicesBase) {
  Slice slice = slice_of({image(65536, {data(0, 65536)}), image(65536, {data(0, 512)}), image(65536, {})});
  slice.base = 1;
  EXPECT_EQ(count_stored_up_to_each(slice), (std::vector<std::uint64_t>{512, 512}));
}

TEST(LayerCounts, GoOnPastTheFirstStride) {
  constexpr std::uint64_t gib = 1 << 30;
  const Slice slice = slice_of({image(3 * gib, {data(gib - 4096, 8192)}), image(3 * gib, {data(gib, 4096)})});
  EXPECT_EQ(count_stored_up_to_each(slice), (std::vector<std::uint64_t>{8192, 8192}));
}

TEST(LayerCounts, TakeAHoleOfAnyLengthInOneStep) {
  constexpr std::uint64_t end = std::uint64_t{1} << 61;  // 2^31 strides: hours
  const Slice slice = slice_of({image(end, {data(4096, 4096), data(end - 4096, 4096)}), image(end / 2, {}),
                                image(end, {data(end - 8192, 4096)})});
  EXPECT_EQ(count_stored_up_to_each(slice), (std::vector<std::uint64_t>{8192, 4096, 8192}));
}

TEST(LayerCounts, AreThoseOfEachViewByItself) {
  const std::uint64_t seed = announced_seed();
  std::mt19937_64 random(seed);
  for (int round = 0; round < 50; ++round) {
    std::vector<SharedImage> images;
    for (int i = 0; i < 6; ++i) {
      images.push_back(random_image(random, 512 * (1 + random() % 400)));
    }
    const Slice slice = slice_of(images);
    const auto counts = count_stored_up_to_each(slice);
    for (std::size_t top = 0; top < images.size(); ++top) {
      const View view(Slice{slice.chain, 0, top}, ViewCaches());
      ASSERT_EQ(counts[top], count_stored(view, {0, view.size()})) << "round " << round << " top " << top;
    }
  }
}

}  // namespace
}  // namespace qchain::test
