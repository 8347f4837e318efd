#include "cli/human.h"

#include <gtest/gtest.h>

#include <sstream>

namespace qchain::cli {
namespace {

TEST(SizeText, keeps_three_digits_and_the_unit_that_fits) {
  EXPECT_EQ(size_text(0), "0 B");
  EXPECT_EQ(size_text(512), "512 B");
  EXPECT_EQ(size_text(1024), "1 KiB");
  EXPECT_EQ(size_text(356 * 1024), "356 KiB");
  EXPECT_EQ(size_text((9ULL << 30) / 2), "4.5 GiB");
  EXPECT_EQ(size_text(UINT64_MAX), "16 EiB");
}

TEST(SizeText, never_turns_to_exponents) {
  EXPECT_EQ(size_text(999), "999 B");
  EXPECT_EQ(size_text(1000), "1000 B");
  EXPECT_EQ(size_text(1023), "1023 B");
  EXPECT_EQ(size_text((1 << 20) - 100), "1 MiB");
  for (std::uint64_t size = 1; size < UINT64_MAX / 3; size = size * 3 + 1) {
    EXPECT_EQ(size_text(size).find('e'), std::string::npos) << size;
  }
}

TEST(DurationText, hours_only_when_there_are_some) {
  EXPECT_EQ(duration_text(7), "0:07");
  EXPECT_EQ(duration_text(750), "12:30");
  EXPECT_EQ(duration_text(11100), "3:05:00");
}

TEST(Table, pads_columns_and_leaves_no_spaces_at_line_ends) {
  Table table({Align::right, Align::left, Align::left});
  table.add({"N", "FILE", "X"});
  table.add({"10", "a", ""});
  std::ostringstream out;
  table.print(out);
  EXPECT_EQ(out.str(), " N  FILE  X\n10  a\n");
}

TEST(Table, counts_code_points_not_bytes) {
  EXPECT_EQ(columns_of("h\xc3\xa4user"), 6U);
  EXPECT_EQ(pad("\xc3\xa4", 3, Align::right), "  \xc3\xa4");
}

}  // namespace
}  // namespace qchain::cli
