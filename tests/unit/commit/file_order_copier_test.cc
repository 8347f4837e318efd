// How a commit into a base that takes any order writes what it has put off.
#include <gtest/gtest.h>

#include <algorithm>
#include <mutex>

#include "qcow/commit/copier.h"
#include "qcow/storage/joined_pieces.h"
#include "tests/unit/chain/fake_image.h"

namespace qchain::test {
namespace {

constexpr std::uint64_t cluster = 65536;
constexpr std::uint64_t clusters = 8;

/// Notes what is written, in the order in which it is.
class NotingBase final : public BaseWriter {
 public:
  [[nodiscard]] std::uint64_t size() const noexcept override { return clusters * cluster; }
  [[nodiscard]] Result<void> grow(std::uint64_t /*size*/) override { return {}; }
  [[nodiscard]] Result<void> write(std::uint64_t guest_offset, Bytes bytes) override {
    const std::scoped_lock lock(mutex_);
    writes.push_back({guest_offset, bytes.size()});
    return {};
  }
  [[nodiscard]] Result<void> write_all(std::span<const WritePiece> pieces) override {
    for (const WritePiece& piece : pieces) {
      EXPECT_TRUE(std::ranges::all_of(piece.bytes, [](std::byte byte) { return byte == std::byte{1}; }));
    }
    for (const WritePiece& piece : joined(pieces)) {
      QC_TRY(write(piece.offset, piece.bytes));
    }
    return {};
  }
  [[nodiscard]] bool takes_any_order() const noexcept override { return true; }
  [[nodiscard]] Result<CloneAnswer> clone(const Storage& /*source*/, std::uint64_t /*offset*/,
                                          Range /*guest*/) override {
    return CloneAnswer::impossible;
  }
  [[nodiscard]] std::uint64_t sharing_unit(const Storage& /*source*/) const noexcept override { return 0; }
  [[nodiscard]] Result<void> zero(Range guest) override {
    const std::scoped_lock lock(mutex_);
    zeroed.push_back(guest);
    return {};
  }
  [[nodiscard]] Result<void> flush() override { return {}; }

  std::vector<Range> writes;
  std::vector<Range> zeroed;

 private:
  std::mutex mutex_;
};

/// Two layers share the clusters in turns, each the last one first. All reads as ones, but the
/// fourth cluster as zeros.
struct Layers {
  Layers() {
    for (std::uint64_t layer = 0; layer < 2; ++layer) {
      Extents extents;
      std::vector<std::byte> bytes(clusters * cluster, std::byte{1});
      for (std::uint64_t i = layer; i < clusters; i += 2) {
        const std::uint64_t offset = (clusters - 1 - i) * cluster;
        extents.push_back({.start = i * cluster, .length = cluster, .offset = offset, .kind = ExtentKind::data});
        std::ranges::fill(MutableBytes(bytes).subspan(offset, cluster),
                          std::byte{i == 3 ? std::uint8_t{0} : std::uint8_t{1}});
      }
      images.push_back(std::make_shared<FakeImage>(clusters * cluster, extents, bytes, layer + 1));
    }
  }

  /// What a base gets of it.
  void copy_into(NotingBase& base) const {
    const View view(slice_of({images.begin(), images.end()}), ViewCaches{});
    MergedDigest digest;
    Throttle throttle(0);
    const auto copier = copier_in_file_order({.above = view,
                                              .base = base,
                                              .digest = digest,
                                              .throttle = throttle,
                                              .copied = [](std::uint64_t) -> Result<void> { return {}; },
                                              .threads = 1,
                                              .stop = {}});
    ExtentWalk walk(view, {0, view.size()});
    while (const auto extent = walk.next()) {
      ASSERT_TRUE(copier->copy(*extent));
    }
    ASSERT_TRUE(copier->finish());
  }

  std::vector<std::shared_ptr<FakeImage>> images;
};

/// A disk answers a hundred large requests sooner than a thousand small ones.
TEST(FileOrderCopier, WritesWhatIsInMemorySoThatNeighboursCanBeJoined) {
  const Layers layers;
  for (const auto& image : layers.images) {
    image->pretend_in_memory();
  }
  NotingBase base;
  layers.copy_into(base);
  EXPECT_EQ(base.writes, (std::vector<Range>{{0, 3 * cluster}, {4 * cluster, 4 * cluster}}));
  EXPECT_EQ(base.zeroed, (std::vector<Range>{{3 * cluster, cluster}})) << "sparse stays sparse";
}

TEST(FileOrderCopier, ReadsWhatIsNotInTheOrderOfTheFiles) {
  NotingBase base;
  Layers().copy_into(base);
  ASSERT_EQ(base.writes.size(), 7U);
  EXPECT_EQ(base.writes.front(), (Range{6 * cluster, cluster})) << "lies first in its file";
}

}  // namespace
}  // namespace qchain::test
