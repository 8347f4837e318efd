#include "qcow/commit/raw_base.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "qcow/storage/file_storage.h"
#include "qcow/storage/writable_file_storage.h"
#include "tests/support/files.h"
#include "tests/support/forwarding_storage.h"
#include "tests/support/temp_dir.h"

namespace qchain::test {
namespace {

constexpr std::uint64_t cluster = 64 << 10;
constexpr std::uint64_t clusters = 1024;

/// A file system that shares blocks by its word alone, and keeps note of what it is asked.
class SharingStorage final : public ForwardingStorage {
 public:
  using ForwardingStorage::ForwardingStorage;

  [[nodiscard]] Result<CloneAnswer> clone(const Storage& /*source*/, std::uint64_t /*offset*/, Range target) override {
    shared.push_back(target);
    return CloneAnswer::cloned;
  }
  [[nodiscard]] std::optional<std::uint64_t> pieces_in(Range range) const override {
    counted.push_back(range);
    return has_a_piece_for_each_cluster ? range.length / cluster : 1;
  }
  [[nodiscard]] Result<void> zero(Range range) override {
    holes.push_back(range);
    return {};
  }

  bool has_a_piece_for_each_cluster = false;
  mutable std::vector<Range> counted;
  std::vector<Range> holes;
  std::vector<Range> shared;
};

class RawBaseTest : public testing::Test {
 protected:
  void SetUp() override {
    make_hole_file(dir_ / "base", clusters * cluster);
    make_hole_file(dir_ / "layer", clusters * cluster);
    layer_ = FileStorage::adopt(UniqueFd(::open((dir_ / "layer").c_str(), O_RDONLY | O_CLOEXEC)), "layer").value();
    storage_ = std::make_shared<SharingStorage>(
        WritableFileStorage::adopt(UniqueFd(::open((dir_ / "base").c_str(), O_RDWR | O_CLOEXEC)), "base").value());
  }

  /// The guest's clusters of these numbers, which lie in the layer from its end on.
  void share(const std::vector<std::uint64_t>& numbers) const {
    std::vector<SharedRun> runs;
    for (const std::uint64_t number : numbers) {
      runs.push_back({.source = layer_.get(),
                      .source_offset = (clusters - 1 - number) * cluster,
                      .guest = {number * cluster, cluster}});
    }
    const auto answer = RawBase(storage_).clone_all(runs);
    ASSERT_TRUE(answer && *answer == CloneAnswer::cloned);
    EXPECT_EQ(storage_->shared.size(), numbers.size());
  }

  /// Pairs of neighbours, a cluster apart.
  [[nodiscard]] static std::vector<std::uint64_t> pairs() {
    std::vector<std::uint64_t> numbers;
    for (std::uint64_t first = 0; first + 2 < clusters; first += 3) {
      numbers.insert(numbers.end(), {first, first + 1});
    }
    return numbers;
  }

  TempDir dir_;
  SharedStorage layer_;
  std::shared_ptr<SharingStorage> storage_;
};

TEST_F(RawBaseTest, GetsOneHoleForNeighboursThatReplaceOnePiece) {
  share({0, 1, 2, 7, 9, 10});
  EXPECT_EQ(storage_->holes, (std::vector<Range>{{0, 3 * cluster}, {9 * cluster, 2 * cluster}}));
}

TEST_F(RawBaseTest, GetsNoHoleForARunAlone) {
  share({1, 3, 5});
  EXPECT_TRUE(storage_->holes.empty());
  EXPECT_TRUE(storage_->counted.empty()) << "nor is it asked what it would replace";
}

TEST_F(RawBaseTest, GetsAHoleForEachOfManyNeighbours) {
  share(pairs());
  EXPECT_EQ(storage_->holes.size(), pairs().size() / 2);
}

TEST_F(RawBaseTest, GetsNoHolesWhereItIsInAsManyPiecesAndIsNotAskedForEach) {
  storage_->has_a_piece_for_each_cluster = true;
  share(pairs());
  EXPECT_TRUE(storage_->holes.empty());
  EXPECT_LT(storage_->counted.size(), pairs().size() / 4);
}

TEST_F(RawBaseTest, GetsItsBlocksInTheOrderOfTheLayersFile) {
  share({0, 1, 2, 7});
  EXPECT_EQ(storage_->shared.front(), (Range{7 * cluster, cluster}));
  EXPECT_EQ(storage_->shared.back(), (Range{0, cluster}));
}

}  // namespace
}  // namespace qchain::test
