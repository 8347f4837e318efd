#include "qcow/verify/sector_sum.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/support/bytes_of.h"
#include "tests/support/seed.h"

namespace qchain::test {
namespace {

constexpr std::size_t sector = 512;

class SectorSumTest : public testing::Test {
 protected:
  SectorSumTest() {
    for (std::byte& byte : bytes_) {
      byte = std::byte{static_cast<std::uint8_t>(random_.below(256))};
    }
  }

  static std::string sum_of(std::uint64_t offset, Bytes bytes) {
    SectorSum sum;
    sum.add(offset, bytes);
    return sum.text();
  }

  Random random_{announced_seed()};
  ByteVector bytes_ = ByteVector(64 * sector);
};

TEST_F(SectorSumTest, neither_order_nor_cut_matters) {
  std::vector<std::size_t> order(64);
  for (std::size_t i = 0; i < order.size(); ++i) {
    order[i] = i;
  }
  for (std::size_t i = order.size(); i > 1; --i) {
    std::swap(order[i - 1], order[random_.below(i)]);
  }
  SectorSum one;
  SectorSum other;
  for (const std::size_t i : order) {
    (i % 2 == 0 ? one : other).add(sector * (100 + i), Bytes(bytes_).subspan(sector * i, sector));
  }
  one.add(other);
  EXPECT_EQ(one.text(), sum_of(sector * 100, bytes_));
  EXPECT_EQ(one.text().size(), 32U);
}

TEST_F(SectorSumTest, any_flipped_bit_matters) {
  const std::string before = sum_of(0, bytes_);
  for (int i = 0; i < 100; ++i) {
    const std::size_t place = random_.below(bytes_.size());
    ByteVector flipped = bytes_;
    flipped[place] ^= std::byte{static_cast<std::uint8_t>(1 << random_.below(8))};
    EXPECT_NE(sum_of(0, flipped), before) << place;
  }
}

TEST_F(SectorSumTest, places_matter) {
  const std::string before = sum_of(0, bytes_);
  EXPECT_NE(sum_of(sector, bytes_), before);
  ByteVector swapped = bytes_;
  std::swap_ranges(swapped.begin(), swapped.begin() + sector, swapped.begin() + 5 * sector);
  EXPECT_NE(sum_of(0, swapped), before);
}

}  // namespace
}  // namespace qchain::test
