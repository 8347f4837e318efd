#include "qcow/storage/joined_pieces.h"

#include <gtest/gtest.h>

namespace qchain::test {
namespace {

class JoinedPieces : public testing::Test {
 protected:
  /// Bytes of the memory from `from` on, for `offset`.
  WritePiece piece(std::size_t from, std::uint64_t offset, std::size_t size) const {
    return {.offset = offset, .bytes = Bytes(memory_).subspan(from, size)};
  }

  std::vector<std::byte> memory_ = std::vector<std::byte>(std::size_t{9} << 20);
};

TEST_F(JoinedPieces, NeighboursInTheFileAndInMemoryAreOne) {
  const std::vector<WritePiece> pieces{piece(0, 4096, 512), piece(512, 4608, 1024), piece(1536, 5632, 512)};
  const auto all = joined(pieces);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].offset, 4096U);
  EXPECT_EQ(all[0].bytes.data(), memory_.data());
  EXPECT_EQ(all[0].bytes.size(), 2048U);
}

TEST_F(JoinedPieces, NeighboursInOneOfThemAreNot) {
  const std::vector<WritePiece> pieces{piece(0, 4096, 512), piece(1024, 4608, 512), piece(1536, 9216, 512)};
  EXPECT_EQ(joined(pieces).size(), 3U);
}

TEST_F(JoinedPieces, NoneBecomesTooLarge) {
  std::vector<WritePiece> pieces;
  for (std::size_t i = 0; i < 9; ++i) {
    pieces.push_back(piece(i << 20, i << 20, std::size_t{1} << 20));
  }
  const auto all = joined(pieces);
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].bytes.size(), std::size_t{4} << 20);
  EXPECT_EQ(all[2].bytes.size(), std::size_t{1} << 20);
}

TEST_F(JoinedPieces, OfNoneThereAreNone) {
  EXPECT_TRUE(joined({}).empty());
}

}  // namespace
}  // namespace qchain::test
