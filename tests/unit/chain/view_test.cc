#include "qcow/chain/view.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/unit/chain/fake_image.h"

namespace qchain::test {
namespace {

std::vector<std::byte> read_all(const View& view) {
  std::vector<std::byte> bytes(view.size());
  EXPECT_TRUE(view.read(0, bytes));
  return bytes;
}

/// The view's bytes by its resolved extents, one at a time.
std::vector<std::byte> by_extents(const Slice& slice) {
  std::vector<std::byte> bytes(slice.size());
  const View view(slice, ViewCaches{});
  ExtentWalk walk(view, {0, slice.size()});
  while (const auto extent = walk.next()) {
    if (extent->kind == ExtentKind::data) {
      const auto into = MutableBytes(bytes).subspan(extent->start, extent->length);
      EXPECT_TRUE(slice.chain.layer(extent->layer).image->data_storage().read_padded(extent->offset, into));
    }
  }
  return bytes;
}

TEST(View, ReadsAtAnyOffsetWhatItsExtentsSay) {
  const std::uint64_t seed = test_seed();
  SCOPED_TRACE("QCHAIN_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  const Slice slice = slice_of({random_image(random, 300000 / 512 * 512), random_image(random, 409600)});
  const View view(slice, ViewCaches{});
  const auto expected = by_extents(slice);
  ASSERT_EQ(read_all(view), expected);
  for (int i = 0; i < 500; ++i) {
    const std::size_t offset = random() % view.size();
    std::vector<std::byte> piece(random() % (view.size() - offset));
    ASSERT_TRUE(view.read(offset, piece));
    ASSERT_TRUE(std::equal(piece.begin(), piece.end(), expected.begin() + static_cast<std::ptrdiff_t>(offset)));
  }
}

TEST(View, ExtentAtAndTheWalkAgree) {
  const std::uint64_t seed = test_seed();
  SCOPED_TRACE("QCHAIN_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  const View view(slice_of({random_image(random, 200704), random_image(random, 409600)}), ViewCaches{});
  ExtentWalk walk(view, {0, view.size()});
  while (const auto extent = walk.next()) {
    const std::uint64_t inside = extent->start + random() % extent->length;
    EXPECT_EQ(view.extent_at(inside), clip(*extent, range_between(inside, extent->end())));
  }
}

TEST(View, KnowsAnExtentOnceItsRegionWasAskedFor) {
  std::mt19937_64 random(7);
  const View view(slice_of({random_image(random, 409600)}), ViewCaches{});
  EXPECT_FALSE(view.known_extent_at(4096));
  const Extent asked = view.extent_at(4096);
  EXPECT_EQ(view.known_extent_at(4096), asked);
}

TEST(View, AClusterIsInflatedOnceForManySmallReads) {
  const Extents packed{{.start = 0, .length = 4096, .offset = 5, .packed_size = 0x41, .kind = ExtentKind::compressed}};
  const auto image = std::make_shared<FakeImage>(8192, packed);
  const View view(slice_of({image}), ViewCaches{});
  std::vector<std::byte> piece(512);
  for (std::uint64_t offset = 0; offset < 4096; offset += 512) {
    ASSERT_TRUE(view.read(offset, piece));
    EXPECT_EQ(piece.front(), std::byte{0x41});
  }
  EXPECT_EQ(image->inflated(), 1);
}

TEST(View, BrokenRangesAreErrorsAndTheRestIsRight) {
  const Extents extents{
      {.start = 0, .length = 4096, .kind = ExtentKind::broken, .fault = format::Fault::misaligned_cluster},
      {.start = 4096, .length = 4096, .offset = 9, .packed_size = 0, .kind = ExtentKind::compressed}};
  const View view(slice_of({std::make_shared<FakeImage>(12288, extents)}), ViewCaches{});
  std::vector<std::byte> piece(512, std::byte{1});
  const auto broken = view.read(1024, piece);
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().kind, ErrorKind::corrupt);
  EXPECT_EQ(broken.error().path, "layer1");
  EXPECT_FALSE(view.read(4096, piece));
  ASSERT_TRUE(view.read(8192, piece));
  EXPECT_TRUE(is_zero(piece));
}

/// The user has to look at the disk then, not at the image.
TEST(View, ADiskErrorInCompressedBytesIsNoDamage) {
  const View view(slice_of({std::make_shared<FakeImage>(4096, Extents{{.start = 0,
                                                                       .length = 4096,
                                                                       .offset = 5,
                                                                       .packed_size = FakeImage::unreadable,
                                                                       .kind = ExtentKind::compressed}})}),
                  ViewCaches{});
  std::vector<std::byte> bytes(512);
  const auto failed = view.read(0, bytes);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorKind::io);
  EXPECT_EQ(failed.error().os_error, EIO);
}

TEST(View, ManyReadersOfASmallCacheReadRight) {
  std::mt19937_64 random(7);
  const Slice slice = slice_of({random_image(random, 1 << 20), random_image(random, 1 << 20)});
  const auto expected = by_extents(slice);
  const View view(slice, ViewCaches({.index = 1, .clusters = 1}));
  std::vector<std::jthread> readers;
  for (unsigned reader = 0; reader < 4; ++reader) {
    readers.emplace_back([&view, &expected, reader] {
      std::mt19937_64 own(reader);
      for (int i = 0; i < 200; ++i) {
        const std::size_t offset = own() % view.size();
        std::vector<std::byte> piece(std::min<std::size_t>(5000, view.size() - offset));
        ASSERT_TRUE(view.read(offset, piece));
        ASSERT_TRUE(std::equal(piece.begin(), piece.end(), expected.begin() + static_cast<std::ptrdiff_t>(offset)));
      }
    });
  }
}

TEST(View, AsksAgainWhatCouldNotBeReadButNotWhatIsBroken) {
  const auto times_asked = [](format::Fault fault) {
    const auto image = std::make_shared<FakeImage>(
        4096, Extents{{.start = 0, .length = 4096, .kind = ExtentKind::broken, .fault = fault}});
    const View view(slice_of({image}), ViewCaches{});
    std::vector<std::byte> bytes(512);
    EXPECT_FALSE(view.read(0, bytes));
    EXPECT_FALSE(view.read(0, bytes));
    return image->mapped();
  };
  EXPECT_EQ(times_asked(format::Fault::unreadable), 2);
  EXPECT_EQ(times_asked(format::Fault::misaligned_cluster), 1);
}

}  // namespace
}  // namespace qchain::test
