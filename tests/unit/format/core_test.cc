// The core helpers: ranges, big-endian numbers, errors as values.
#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "qcow/core/bytes.h"
#include "qcow/core/error.h"
#include "qcow/core/range.h"

namespace qchain::test {
namespace {

constexpr std::uint64_t top = ~0ULL;

TEST(Range, ContainsItsStartButNotItsEnd) {
  constexpr Range range{10, 5};
  EXPECT_FALSE(range.contains(9));
  EXPECT_TRUE(range.contains(10));
  EXPECT_TRUE(range.contains(14));
  EXPECT_FALSE(range.contains(15));
}

TEST(Range, EmptyOneContainsNothing) {
  constexpr Range range{10, 0};
  EXPECT_TRUE(range.empty());
  EXPECT_FALSE(range.contains(10));
}

TEST(Range, BetweenCrossedBordersIsEmpty) {
  EXPECT_EQ(range_between(3, 7), (Range{3, 4}));
  EXPECT_TRUE(range_between(7, 3).empty());
}

TEST(Range, IntersectionIsWhatBothHave) {
  EXPECT_EQ(intersect({0, 10}, {5, 10}), (Range{5, 5}));
  EXPECT_EQ(intersect({5, 10}, {0, 10}), (Range{5, 5}));
  EXPECT_EQ(intersect({0, 100}, {40, 2}), (Range{40, 2}));
}

TEST(Range, IntersectionOfNeighboursIsEmpty) {
  EXPECT_TRUE(intersect({0, 10}, {10, 10}).empty());
  EXPECT_TRUE(intersect({20, 10}, {0, 10}).empty());
}

TEST(Align, GoesToTheUnitsBorders) {
  EXPECT_EQ(align_down(1023, 512), 512U);
  EXPECT_EQ(align_up(1023, 512), 1024U);
  EXPECT_EQ(align_down(1024, 512), 1024U);
  EXPECT_EQ(align_up(1024, 512), 1024U);
  EXPECT_EQ(align_up(0, 512), 0U);
  EXPECT_TRUE(is_aligned(0, 512));
  EXPECT_FALSE(is_aligned(513, 512));
}

TEST(Align, WorksAtTheTop) {
  EXPECT_EQ(align_down(top, 512), top - 511);
  EXPECT_EQ(align_up(top - 511, 512), top - 511);
}

TEST(Fits, CountsTheLimitItself) {
  EXPECT_TRUE(fits(0, 10, 10));
  EXPECT_TRUE(fits(10, 0, 10));
  EXPECT_FALSE(fits(0, 11, 10));
  EXPECT_FALSE(fits(11, 0, 10));
}

TEST(Fits, DoesNotOverflow) {
  EXPECT_FALSE(fits(top, 1, top));
  EXPECT_FALSE(fits(1, top, top));
  EXPECT_FALSE(fits(top, top, 100));
  EXPECT_TRUE(fits(0, top, top));
}

TEST(BigEndian, NumbersAreReadHighByteFirst) {
  constexpr std::array bytes{std::byte{0xff}, std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4},
                             std::byte{5},    std::byte{6}, std::byte{7}, std::byte{8}};
  EXPECT_EQ(load_be<std::uint8_t>(bytes, 0), 0xffU);
  EXPECT_EQ(load_be<std::uint16_t>(bytes, 1), 0x0102U);
  EXPECT_EQ(load_be<std::uint32_t>(bytes, 1), 0x01020304U);
  EXPECT_EQ(load_be<std::uint64_t>(bytes, 1), 0x0102030405060708U);
}

TEST(BigEndian, StoreIsTheInverseOfLoad) {
  std::array<std::byte, 11> bytes{};
  store_be(bytes, 3, std::uint64_t{0x0102030405060708});
  EXPECT_EQ(bytes[3], std::byte{1});
  EXPECT_EQ(bytes[10], std::byte{8});
  EXPECT_EQ(load_be<std::uint64_t>(bytes, 3), 0x0102030405060708U);
  EXPECT_EQ(bytes[2], std::byte{0});
}

TEST(IsZero, SeesASingleOtherByteAnywhere) {
  std::vector<std::byte> bytes(4097);
  EXPECT_TRUE(is_zero(bytes));
  EXPECT_TRUE(is_zero({}));
  for (const std::size_t place : {0U, 1U, 2048U, 4096U}) {
    bytes[place] = std::byte{1};
    EXPECT_FALSE(is_zero(bytes)) << place;
    bytes[place] = std::byte{0};
  }
}

TEST(IsZero, SingleByte) {
  const std::byte one{1};
  const std::byte zero{0};
  EXPECT_FALSE(is_zero({&one, 1}));
  EXPECT_TRUE(is_zero({&zero, 1}));
}

TEST(Error, IsOneLineOfAllThatIsKnown) {
  const Error error =
      make_error(ErrorKind::corrupt, "L1 table is cut").in("a.qcow2").at(4096).because(EIO).advise("retry");
  EXPECT_EQ(describe(error), "a.qcow2: L1 table is cut (at byte 4096): " + std::string(std::strerror(EIO)) + "; retry");
}

TEST(Error, LeavesOutWhatIsNotKnown) {
  EXPECT_EQ(describe(make_error(ErrorKind::limit, "too large")), "too large");
}

TEST(Error, KeepsTheImageThatWasNamedFirst) {
  const Error error = make_error(ErrorKind::io, "x").in("inner").in("outer");
  EXPECT_EQ(error.path, "inner");
}

TEST(Error, NameCannotDriveATerminal) {
  const Error error = make_error(ErrorKind::io, "x").in("a\x1b[2J\nb");
  EXPECT_EQ(describe(error), R"(a\x1b[2J\x0ab: x)");
}

TEST(Printable, EscapesControlBytesOnly) {
  EXPECT_EQ(printable(std::string_view("\0 ~\x7f\t", 5)), R"(\x00 ~\x7f\x09)");
  EXPECT_EQ(printable("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x92\xbe"), "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x92\xbe");
  EXPECT_EQ(printable("\xc2\x9b"
                      "2J"),
            "\\xc2\\x9b2J")
      << "a control character of two bytes";
  EXPECT_EQ(printable("a\x9b\xff\xe2\x82"), "a\\x9b\xff\xe2\\x82") << "no UTF-8: other character sets";
  EXPECT_EQ(printable("\xe2\x80\xaetxt"), "\\xe2\\x80\\xaetxt") << "turns around what follows";
}

TEST(Error, KindFollowsErrno) {
  EXPECT_EQ(kind_of_errno(ENOENT), ErrorKind::not_found);
  EXPECT_EQ(kind_of_errno(EACCES), ErrorKind::permission);
  EXPECT_EQ(kind_of_errno(EPERM), ErrorKind::permission);
  EXPECT_EQ(kind_of_errno(ENOSPC), ErrorKind::no_space);
  EXPECT_EQ(kind_of_errno(EDQUOT), ErrorKind::no_space);
  EXPECT_EQ(kind_of_errno(EIO), ErrorKind::io);
}

TEST(Error, FailedCallKeepsItsErrno) {
  const Result<int> result = fail_errno(ENOENT, "cannot open", "a.raw");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::not_found);
  EXPECT_EQ(result.error().os_error, ENOENT);
  EXPECT_EQ(result.error().path, "a.raw");
}

Result<int> half(int number) {
  return number % 2 == 0 ? Result<int>(number / 2) : fail(ErrorKind::invalid_argument, "odd");
}
Result<int> quarter(int number) {
  const int once = QC_TRY(half(number));
  return half(once);
}
Result<int> half_in(int number) {
  return QC_TRY_IN("image", half(number));
}

TEST(Try, GivesTheValueOrLeavesWithTheError) {
  EXPECT_EQ(quarter(12), 3);
  ASSERT_FALSE(quarter(6));
  EXPECT_EQ(quarter(6).error().what, "odd");
}

TEST(Try, NamesTheImage) {
  EXPECT_EQ(half_in(4), 2);
  ASSERT_FALSE(half_in(3));
  EXPECT_EQ(half_in(3).error().path, "image");
}

}  // namespace
}  // namespace qchain::test
