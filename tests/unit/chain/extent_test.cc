#include "qcow/chain/extent.h"

#include <gtest/gtest.h>

namespace qchain {
namespace {

Extent data(std::uint64_t start, std::uint64_t length, std::uint64_t offset) {
  return {.start = start, .length = length, .offset = offset, .kind = ExtentKind::data};
}

TEST(Clip, MovesTheStorageOffsetOfDataWithTheStart) {
  EXPECT_EQ(clip(data(100, 50, 1000), {120, 10}), data(120, 10, 1020));
}

TEST(Clip, KeepsThePlaceOfPackedBytes) {
  const Extent packed{.start = 0, .length = 4096, .offset = 777, .packed_size = 512, .kind = ExtentKind::compressed};
  const Extent piece = clip(packed, {1024, 512});
  EXPECT_EQ(piece.offset, 777U);
  EXPECT_EQ(piece.start, 1024U);
  EXPECT_EQ(piece.length, 512U);
}

TEST(Clip, LeavesAHoleWithoutOffset) {
  EXPECT_FALSE(clip({.start = 0, .length = 100}, {10, 10}).has_offset());
}

TEST(Append, JoinsWhatContinuesInGuestAndStorage) {
  Extents extents;
  append(extents, data(0, 10, 100));
  append(extents, data(10, 10, 110));
  EXPECT_EQ(extents, Extents{data(0, 20, 100)});
}

TEST(Append, KeepsApartWhatIsScatteredInStorage) {
  Extents extents;
  append(extents, data(0, 10, 100));
  append(extents, data(10, 10, 300));
  EXPECT_EQ(extents.size(), 2U);
}

TEST(Append, KeepsLayersAndKindsApart) {
  Extents extents;
  append(extents, data(0, 10, 100));
  Extent other = data(10, 10, 110);
  other.layer = 1;
  append(extents, other);
  append(extents, {.start = 20, .length = 10, .kind = ExtentKind::zero});
  append(extents, {.start = 30, .length = 10, .kind = ExtentKind::hole});
  EXPECT_EQ(extents.size(), 4U);
}

TEST(Append, NeverJoinsCompressedClustersEvenWithOneDescriptor) {
  const Extent packed{.start = 0, .length = 4096, .offset = 777, .packed_size = 512, .kind = ExtentKind::compressed};
  Extent next = packed;
  next.start = 4096;
  Extents extents;
  append(extents, packed);
  append(extents, next);
  EXPECT_EQ(extents.size(), 2U);
}

TEST(Append, JoinsZerosOnlyWithMatchingSpace) {
  Extents extents;
  append(extents, {.start = 0, .length = 10, .offset = 100, .kind = ExtentKind::zero});
  append(extents, {.start = 10, .length = 10, .kind = ExtentKind::zero});
  append(extents, {.start = 20, .length = 10, .kind = ExtentKind::zero});
  EXPECT_EQ(extents.size(), 2U);
}

}  // namespace
}  // namespace qchain
