#include <gtest/gtest.h>

#include "tests/snapshot/snapshot_folder.h"
#include "tests/support/views.h"

namespace qchain::test {
namespace {

/// Each against an overlay that qemu-img create makes with the same words.
struct Shape {
  std::optional<std::uint64_t> size;
  std::uint32_t cluster_bits;
};

class SnapshotShape : public SnapshotFolder, public testing::WithParamInterface<Shape> {};

TEST_P(SnapshotShape, ReadsAsThatOfQemuImgCreate) {
  const auto [size, cluster_bits] = GetParam();
  SnapshotRequest asked = request("vm.qcow2", "ours");
  asked.size = size;
  asked.cluster_bits = cluster_bits;
  take(asked);
  create_qcow2("theirs", {.options = "cluster_size=" + std::to_string(1U << cluster_bits),
                          .backing = "vm.qcow2",
                          .backing_format = "qcow2",
                          .size = size});
  expect_good("ours", "theirs");
  EXPECT_EQ(peek_be<std::uint64_t>("ours", 24), peek_be<std::uint64_t>("theirs", 24)) << "virtual size";
  EXPECT_EQ(peek_be<std::uint32_t>("ours", 36), peek_be<std::uint32_t>("theirs", 36)) << "L1 entries";
}

INSTANTIATE_TEST_SUITE_P(Sizes, SnapshotShape,
                         testing::Values(Shape{{}, 16}, Shape{0, 16}, Shape{1, 16}, Shape{511, 16}, Shape{513, 16},
                                         Shape{65536, 16}, Shape{100'000, 16}, Shape{1 << 20, 16},
                                         Shape{(1 << 20) + 1025, 16}, Shape{5'000'000, 16}, Shape{3ULL << 40, 16},
                                         Shape{{}, 9}, Shape{0, 9}, Shape{513, 9}, Shape{300'001, 9},
                                         Shape{1ULL << 30, 9}, Shape{{}, 12}, Shape{5'000'001, 12}, Shape{{}, 21},
                                         Shape{0, 21}, Shape{700'000, 21}, Shape{1ULL << 50, 21}));

TEST_F(SnapshotShape, RawLengthThatIsNoWholeSectorIsRoundedUp) {
  resize_file("base.raw", 1'000'001);
  EXPECT_EQ(take(request("base.raw", "o")).size, 1'000'448U);
  expect_good("o", "base.raw");
}

TEST_F(SnapshotShape, BeyondTheLongestDiskIsRefused) {
  SnapshotRequest asked = request("vm.qcow2", "o");
  for (const std::uint64_t size : {std::uint64_t{INT64_MAX}, UINT64_MAX, std::uint64_t{1} << 62}) {
    asked.size = size;
    const auto refused = take_snapshot(asked);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::limit);
    EXPECT_FALSE(std::filesystem::exists("o"));
  }
}

TEST_F(SnapshotShape, ADiskThatNeedsLargerClustersIsRefused) {
  SnapshotRequest asked = request("vm.qcow2", "o");
  asked.cluster_bits = 9;
  asked.size = std::uint64_t{1} << 40;
  const auto refused = take_snapshot(asked);
  ASSERT_FALSE(refused);
  EXPECT_EQ(describe(refused.error()), "o: the disk is too large for clusters of 512 bytes; use larger clusters");
  EXPECT_FALSE(std::filesystem::exists("o"));
}

}  // namespace
}  // namespace qchain::test
