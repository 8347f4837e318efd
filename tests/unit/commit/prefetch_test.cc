#include "qcow/commit/prefetch.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "tests/unit/chain/fake_image.h"

namespace qchain::test {
namespace {

constexpr std::uint64_t cluster = 65536;

/// A file that notes what it is told will be read.
class NotingStorage final : public Storage {
 public:
  [[nodiscard]] const std::string& name() const noexcept override { return name_; }
  [[nodiscard]] std::uint64_t size() const noexcept override { return UINT64_MAX; }
  [[nodiscard]] FileIdentity identity() const noexcept override { return {}; }
  [[nodiscard]] StorageFacts facts() const noexcept override { return {}; }
  [[nodiscard]] Result<std::size_t> read(std::uint64_t, MutableBytes into) const override { return into.size(); }
  [[nodiscard]] Result<StoredRun> run_at(std::uint64_t offset, std::uint64_t end) const override {
    return StoredRun{range_between(offset, end), true};
  }
  [[nodiscard]] int descriptor() const noexcept override { return -1; }

  void will_need(Range range) const noexcept override {
    {
      const std::scoped_lock lock(mutex_);
      asked_.push_back(range);
      bytes_ += range.length;
    }
    changed_.notify_all();
  }

  /// What was asked for, once it is so many bytes.
  [[nodiscard]] std::vector<Range> asked(std::uint64_t bytes) const {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(30), [&] { return bytes_ >= bytes; });
    return asked_;
  }

 private:
  std::string name_ = "noting";
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  mutable std::vector<Range> asked_;
  mutable std::uint64_t bytes_ = 0;
};

/// An image with the given extents in such a file.
class NotingImage final : public Image {
 public:
  NotingImage(std::uint64_t size, Extents extents) : fake_(size, std::move(extents)) {}
  [[nodiscard]] const NotingStorage& noting() const noexcept { return storage_; }

  [[nodiscard]] ImageFormat format() const noexcept override { return ImageFormat::qcow2; }
  [[nodiscard]] std::uint64_t size() const noexcept override { return fake_.size(); }
  [[nodiscard]] std::uint64_t cluster_size() const noexcept override { return cluster; }
  [[nodiscard]] const Storage& storage() const noexcept override { return storage_; }
  [[nodiscard]] const Storage& data_storage() const noexcept override { return storage_; }
  void map(Range range, std::size_t limit, Extents& out) const override { fake_.map(range, limit, out); }
  [[nodiscard]] std::uint64_t map_unit() const noexcept override { return fake_.map_unit(); }
  [[nodiscard]] Result<void> inflate(const Extent&, MutableBytes) const override { return {}; }

 private:
  FakeImage fake_;
  NotingStorage storage_;
};

TEST(Prefetch, AsksInTheOrderOfTheFileAndForNeighboursTogether) {
  constexpr std::uint64_t count = 16;
  Extents backwards;
  for (std::uint64_t i = 0; i < count; ++i) {
    backwards.push_back({.start = i * cluster,
                         .length = cluster,
                         .offset = (count - 1 - i) * cluster + (i < count / 2 ? cluster : 0),
                         .kind = ExtentKind::data});
  }
  const auto image = std::make_shared<NotingImage>(count * cluster, std::move(backwards));
  const View view(slice_of({image}), ViewCaches{});
  const Prefetch prefetch(view, 0);
  // One cluster's gap in the middle of the file.
  const std::vector<Range> expected{{0, count / 2 * cluster}, {(count / 2 + 1) * cluster, count / 2 * cluster}};
  EXPECT_EQ(image->noting().asked(count * cluster), expected);
}

TEST(Prefetch, StaysTwoWindowsAheadOfTheWalk) {
  const std::uint64_t size = 8 * Prefetch::window;
  const auto image =
      std::make_shared<NotingImage>(size, Extents{{.start = 0, .length = size, .offset = 0, .kind = ExtentKind::data}});
  const View view(slice_of({image}), ViewCaches{});
  Prefetch prefetch(view, 0);
  for (std::uint64_t position = 0; position < size - Prefetch::window; position += Prefetch::window) {
    EXPECT_EQ(image->noting().asked(position + 2 * Prefetch::window).back().end(), position + 2 * Prefetch::window);
    prefetch.reached(position + Prefetch::window);
  }
}

TEST(Prefetch, AsksOnlyForWhatIsStoredFromItsStartOn) {
  const auto image = std::make_shared<NotingImage>(
      4 * cluster, Extents{{.start = 0, .length = cluster, .offset = 0, .kind = ExtentKind::data},
                           {.start = cluster, .length = cluster, .kind = ExtentKind::zero},
                           {.start = 2 * cluster,
                            .length = cluster,
                            .offset = 7 * cluster,
                            .packed_size = 100,
                            .kind = ExtentKind::compressed}});
  const View view(slice_of({image}), ViewCaches{});
  const Prefetch prefetch(view, cluster);
  EXPECT_EQ(image->noting().asked(100), (std::vector<Range>{{7 * cluster, 100}}));
}

}  // namespace
}  // namespace qchain::test
