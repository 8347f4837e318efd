#include "qcow/chain/resolve.h"

#include <gtest/gtest.h>

#include "tests/unit/chain/fake_image.h"

namespace qchain::test {
namespace {

constexpr std::uint64_t sector = 512;

/// What one layer says of one sector, by the plainest possible reading.
std::optional<Extent> said_by(const Image& image, std::uint64_t offset, std::uint32_t layer) {
  if (offset >= image.size()) {
    return Extent{.start = offset, .length = sector, .layer = layer, .kind = ExtentKind::past_end};
  }
  Extents answer;
  image.map({offset, sector}, SIZE_MAX, answer);
  answer.front().layer = layer;
  return answer.front().kind == ExtentKind::hole ? std::nullopt : std::optional(answer.front());
}

Extents sector_by_sector(const Slice& slice, Range range) {
  Extents model;
  for (std::uint64_t offset = range.start; offset < range.end(); offset += sector) {
    Extent found{.start = offset, .length = sector, .layer = static_cast<std::uint32_t>(slice.base)};
    for (std::size_t position = slice.top + 1; position > slice.base; --position) {
      const auto layer = static_cast<std::uint32_t>(position - 1);
      if (const auto said = said_by(*slice.chain.layer(layer).image, offset, layer)) {
        found = *said;
        break;
      }
    }
    append(model, found);
  }
  return model;
}

Slice random_slice(std::mt19937_64& random) {
  std::vector<SharedImage> images;
  for (std::size_t count = 1 + random() % 6; images.size() < count;) {
    images.push_back(random_image(random, sector * (1 + random() % 1000)));
  }
  Slice slice = slice_of(std::move(images));
  slice.top = random() % slice.chain.depth();
  slice.base = random() % (slice.top + 1);
  return slice;
}

TEST(Resolve, AgreesWithAskingSectorBySector) {
  const std::uint64_t seed = test_seed();
  SCOPED_TRACE("QCHAIN_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 100; ++round) {
    const Slice slice = random_slice(random);
    const Range all{0, slice.size()};
    ASSERT_EQ(resolve(slice, all, SIZE_MAX), sector_by_sector(slice, all)) << "round " << round;
  }
}

/// A top that has every second sector of four units of metadata, over a base that has all.
TEST(Resolve, AsksALayerOnceForAllGapsInOneUnitOfItsMetadata) {
  const std::uint64_t unit = FakeImage(sector, {}).map_unit();
  Extents every_second;
  for (std::uint64_t start = 0; start < 4 * unit; start += 2 * sector) {
    every_second.push_back({.start = start, .length = sector, .offset = start, .kind = ExtentKind::data});
  }
  const auto base = std::make_shared<FakeImage>(
      4 * unit, Extents{{.start = 0, .length = 4 * unit, .offset = 0, .kind = ExtentKind::data}});
  const Slice slice = slice_of({base, std::make_shared<FakeImage>(4 * unit, std::move(every_second))});
  EXPECT_EQ(resolve(slice, {0, slice.size()}, SIZE_MAX).size(), 4 * unit / sector);
  EXPECT_EQ(base->mapped(), 4);
}

TEST(Resolve, InSmallStepsGivesTheSameAsInOne) {
  const std::uint64_t seed = test_seed();
  SCOPED_TRACE("QCHAIN_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 100; ++round) {
    const Slice slice = random_slice(random);
    const std::size_t limit = 1 + random() % 9;
    Extents stepped;
    for (std::uint64_t position = 0; position < slice.size();) {
      const Extents step = resolve(slice, range_between(position, slice.size()), limit);
      ASSERT_FALSE(step.empty());
      ASSERT_EQ(step.front().start, position);
      ASSERT_LE(step.size(), 3 * limit + 1) << "the limit bounds memory";
      for (const Extent& extent : step) {
        append(stepped, extent);
      }
      position = step.back().end();
    }
    ASSERT_EQ(stepped, resolve(slice, {0, slice.size()}, SIZE_MAX)) << "round " << round;
  }
}

TEST(Resolve, AShortMiddleLayerHidesDeeperData) {
  const auto whole = [](ExtentKind kind, std::uint64_t size) {
    return Extents{{.start = 0, .length = size, .offset = 0, .kind = kind}};
  };
  const Slice slice =
      slice_of({std::make_shared<FakeImage>(8192, whole(ExtentKind::data, 8192)),
                std::make_shared<FakeImage>(4096, Extents{}), std::make_shared<FakeImage>(8192, Extents{})});
  const Extents extents = resolve(slice, {0, 8192}, SIZE_MAX);
  ASSERT_EQ(extents.size(), 2U);
  EXPECT_EQ(extents[0].kind, ExtentKind::data);
  EXPECT_EQ(extents[1], (Extent{.start = 4096, .length = 4096, .layer = 1, .kind = ExtentKind::past_end}));
}

TEST(Resolve, ABrokenRangeIsHiddenByALayerAbove) {
  const Extents broken{{.start = 0, .length = 8192, .kind = ExtentKind::broken, .fault = format::Fault::unreadable}};
  const Extents upper{{.start = 0, .length = 4096, .offset = 0, .kind = ExtentKind::data}};
  const Slice slice = slice_of({std::make_shared<FakeImage>(8192, broken), std::make_shared<FakeImage>(8192, upper)});
  const Extents extents = resolve(slice, {0, 8192}, SIZE_MAX);
  ASSERT_EQ(extents.size(), 2U);
  EXPECT_EQ(extents[0].kind, ExtentKind::data);
  EXPECT_EQ(extents[1].kind, ExtentKind::broken);
  EXPECT_EQ(extents[1].fault, format::Fault::unreadable);
}

TEST(Resolve, WhatNoLayerHasIsOneHoleOfTheBottomLayer) {
  const Slice slice = slice_of({std::make_shared<FakeImage>(std::uint64_t{1} << 44, Extents{}),
                                std::make_shared<FakeImage>(std::uint64_t{1} << 44, Extents{})});
  const Extents extents = resolve(slice, {0, slice.size()}, 16);
  EXPECT_EQ(extents, (Extents{{.start = 0, .length = std::uint64_t{1} << 44, .layer = 0}}));
}

}  // namespace
}  // namespace qchain::test
