#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "qcow/verify/compare.h"
#include "tests/unit/chain/fake_image.h"

namespace qchain::test {
namespace {

constexpr std::uint64_t sector = 512;

/// All bytes of a view, and zeros behind them up to `size`.
std::vector<std::byte> content(const View& view, std::uint64_t size) {
  std::vector<std::byte> bytes(std::max(size, view.size()));
  EXPECT_TRUE(view.read(0, MutableBytes(bytes).first(view.size())));
  return bytes;
}

/// The plainest possible comparison.
Comparison byte_by_byte(const View& left, const View& right) {
  const auto a = content(left, right.size());
  const auto b = content(right, left.size());
  Comparison found;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i]) {
      ++found.different;
      found.first_difference = found.first_difference.value_or(Range{i, 1});
    }
  }
  return found;
}

/// The image of a number: the same bytes each time, in a file of its own.
SharedImage image_of(std::uint64_t number) {
  static std::uint64_t last_inode = 0;
  std::mt19937_64 random(number);
  return random_image(random, sector * (1 + random() % 5000), ++last_inode);
}

/// Another disk that has a lot in common with one of layers `low` and `high`.
Slice relative_of(const SharedImage& low, std::uint64_t low_number, std::uint64_t high_number, std::uint64_t choice) {
  switch (choice % 4) {
    case 0:
      return slice_of({low});
    case 1:
      return slice_of({low, image_of(high_number + 1)});
    case 2:
      return slice_of({image_of(low_number), image_of(high_number + 1)});
    default:
      return slice_of({image_of(low_number), image_of(high_number)});
  }
}

TEST(CompareRandom, AgreesWithComparingByteByByte) {
  const std::uint64_t seed = test_seed();
  SCOPED_TRACE("QCHAIN_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 60; ++round) {
    const std::uint64_t low_number = random();
    const std::uint64_t high_number = random();
    const SharedImage low = image_of(low_number);
    const View left(slice_of({low, image_of(high_number)}), ViewCaches{});
    const View right(relative_of(low, low_number, high_number, random()), ViewCaches{});
    CompareOptions options;
    options.threads = 1 + static_cast<unsigned>(random() % 4);
    const auto found = compare(left, right, options);
    const auto expected = byte_by_byte(left, right);
    ASSERT_TRUE(found);
    ASSERT_EQ(found->different, expected.different) << "round " << round;
    ASSERT_EQ(found->first_difference.has_value(), expected.first_difference.has_value());
    if (found->first_difference) {
      ASSERT_EQ(found->first_difference->start, expected.first_difference->start) << "round " << round;
    }
  }
}

TEST(CompareRandom, SaysHowFarItIsUpToTheEnd) {
  constexpr std::uint64_t size = std::uint64_t{8} << 20;
  const auto view = [&](std::uint64_t inode) {
    const Extents all{{.start = 0, .length = size, .offset = 0, .kind = ExtentKind::data}};
    return View(slice_of({std::make_shared<FakeImage>(size, all, std::vector<std::byte>(size), inode)}), ViewCaches{});
  };
  const View left = view(1);
  const View right = view(2);
  CompareOptions options;
  std::uint64_t last = 0;
  options.progress = [&](std::uint64_t done, std::uint64_t) {
    EXPECT_GE(done, last);
    last = done;
  };
  const auto found = compare(left, right, options);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->compared, size);
  EXPECT_EQ(last, size);
}

}  // namespace
}  // namespace qchain::test
