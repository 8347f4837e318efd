#include "cli/size_argument.h"

#include <gtest/gtest.h>

#include "tests/support/process.h"

namespace qchain::cli {
namespace {

constexpr std::uint64_t kib = 1024;

TEST(SizeArgument, bytes_and_suffixes_in_either_case) {
  EXPECT_EQ(parse_size("0"), 0U);
  EXPECT_EQ(parse_size("1000"), 1000U);
  EXPECT_EQ(parse_size("1b"), 1U);
  EXPECT_EQ(parse_size("3k"), 3 * kib);
  EXPECT_EQ(parse_size("3K"), 3 * kib);
  EXPECT_EQ(parse_size("2M"), 2 * kib * kib);
  EXPECT_EQ(parse_size("2g"), 2 * kib * kib * kib);
  EXPECT_EQ(parse_size("1T"), kib * kib * kib * kib);
  EXPECT_EQ(parse_size("1P"), kib * kib * kib * kib * kib);
  EXPECT_EQ(parse_size("7E"), 7 * kib * kib * kib * kib * kib * kib);
}

TEST(SizeArgument, parts_of_a_unit) {
  EXPECT_EQ(parse_size("1.5k"), 1536U);
  EXPECT_EQ(parse_size("0.1k"), 102U);
  EXPECT_EQ(parse_size("1.1M"), 1'153'433U);
}

TEST(SizeArgument, what_is_none) {
  for (const char* text : {"",
                           "k",
                           "-1",
                           " 1",
                           "1 ",
                           "1kB",
                           "1KiB",
                           "1.5",
                           "1.5b",
                           "1.",
                           "1.k",
                           ".5k",
                           "1e3",
                           "1.5e1k",
                           "0x10",
                           "8E",
                           "9223372036854775808",
                           "99999999999999999999",
                           "1x",
                           "1.2.3k",
                           "nan",
                           "1.nank"}) {
    EXPECT_EQ(parse_size(text), std::nullopt) << text;
  }
  EXPECT_EQ(parse_size("9223372036854775807"), std::uint64_t{INT64_MAX});
}

TEST(SizeArgument, qemu_img_reads_it_as_the_same_size) {
  for (const std::string text : {"513", "1.5k", "0.1k", "1.1M", "0.3g", "2.7T", "1b", "3M"}) {
    const auto measured = test::run({"qemu-img", "measure", "-O", "raw", "--size", text});
    ASSERT_EQ(measured.status, 0) << measured.err;
    const std::uint64_t rounded = (parse_size(text).value_or(0) + 511) / 512 * 512;
    EXPECT_TRUE(measured.out.starts_with("required size: " + std::to_string(rounded) + "\n")) << text << measured.out;
  }
}

TEST(ClusterSizeArgument, powers_of_two_from_512_to_2_mib) {
  EXPECT_EQ(parse_cluster_bits("512"), 9U);
  EXPECT_EQ(parse_cluster_bits("0.5k"), 9U);
  EXPECT_EQ(parse_cluster_bits("64k"), 16U);
  EXPECT_EQ(parse_cluster_bits("2M"), 21U);
  for (const char* text : {"", "0", "256", "511", "513", "3k", "4M", "64kB", "7E"}) {
    EXPECT_EQ(parse_cluster_bits(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace qchain::cli
