#include "fusefs/horizon.h"

#include <gtest/gtest.h>

#include "tests/unit/chain/fake_image.h"

namespace qchain::test {
namespace {

constexpr std::uint64_t kib = 1024;
constexpr std::uint64_t pieces = 5000;
constexpr std::uint64_t size = pieces * 128 * kib;

/// 64 KiB of data in each 128 KiB.
std::shared_ptr<FakeImage> striped_image() {
  Extents data;
  for (std::uint64_t start = 0; start < size; start += 128 * kib) {
    data.push_back({.start = start, .length = 64 * kib, .offset = start, .kind = ExtentKind::data});
  }
  return std::make_shared<FakeImage>(size, data);
}

class HorizonTest : public testing::Test {
 protected:
  std::shared_ptr<FakeImage> image_ = striped_image();
  View view_{slice_of({image_}), ViewCaches()};
  fusefs::Horizon horizon_;
};

TEST_F(HorizonTest, ResolvesEachPartOnceForWhoGoesForward) {
  std::uint64_t found = 0;
  for (std::uint64_t offset = 0; offset < size; ++found) {
    const Extent extent = horizon_.extent_at(view_, offset, size);
    ASSERT_EQ(extent.start, offset);
    ASSERT_EQ(extent.kind, found % 2 == 0 ? ExtentKind::data : ExtentKind::hole);
    offset = extent.end();
  }
  EXPECT_EQ(found, 2 * pieces);
  // Asked for each extent alone, the image would have been asked as often as there are extents.
  EXPECT_LE(image_->mapped(), 100);
}

TEST_F(HorizonTest, GoesBackToo) {
  EXPECT_EQ(horizon_.extent_at(view_, size - 1, size).kind, ExtentKind::hole);
  const Extent extent = horizon_.extent_at(view_, 32 * kib, size);
  EXPECT_EQ(extent.range(), Range(32 * kib, 32 * kib));
  EXPECT_EQ(extent.offset, 32 * kib);
}

TEST_F(HorizonTest, CutsAtTheEnd) {
  EXPECT_EQ(horizon_.extent_at(view_, 64 * kib, 100 * kib).range(), Range(64 * kib, 36 * kib));
  EXPECT_EQ(horizon_.extent_at(view_, 64 * kib, 80 * kib).range(), Range(64 * kib, 16 * kib));
}

}  // namespace
}  // namespace qchain::test
