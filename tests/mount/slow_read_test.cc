#include <fcntl.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <utility>

#include "fusefs/filesystem.h"
#include "fusefs/thread_buffer.h"
#include "tests/support/bytes_of.h"
#include "tests/unit/chain/fake_image.h"

namespace qchain::test {
namespace {

using namespace fusefs;
using namespace std::chrono_literals;

constexpr std::uint64_t kib = 1024;
constexpr std::uint64_t region = std::uint64_t{32} << 20;  // what the view resolves at once
constexpr std::uint64_t size = 2 * region;
constexpr auto patience = 20s;  // only a failure takes that long

/// A disk that does not answer at one place until it is told to.
class StuckPlace {
 public:
  /// Returns at once anywhere else.
  void pass(bool is_here) const {
    if (is_here) {
      arrived_.set_value();
      released_.wait();
    }
  }
  [[nodiscard]] bool was_reached() { return arrived_.get_future().wait_for(patience) == std::future_status::ready; }
  void release() { release_.set_value(); }

 private:
  mutable std::promise<void> arrived_;
  std::promise<void> release_;
  std::shared_future<void> released_ = release_.get_future().share();
};

/// What of an image the disk is stuck on.
enum class Stuck : std::uint8_t { nothing, data, packed, tables };

/// Bytes that come late from offset 0.
class SlowStorage final : public Storage {
 public:
  SlowStorage(Stuck stuck, const StuckPlace& place) : stuck_(stuck), place_(place) {}

  [[nodiscard]] const std::string& name() const noexcept override { return name_; }
  [[nodiscard]] std::uint64_t size() const noexcept override { return test::size; }
  [[nodiscard]] FileIdentity identity() const noexcept override { return {.device = 1, .inode = 1}; }
  [[nodiscard]] StorageFacts facts() const noexcept override { return {}; }
  [[nodiscard]] Result<std::size_t> read(std::uint64_t offset, MutableBytes into) const override {
    place_.pass(stuck_ == Stuck::data && offset == 0);
    return into.size();
  }
  [[nodiscard]] Result<StoredRun> run_at(std::uint64_t offset, std::uint64_t end) const override {
    return StoredRun{range_between(offset, end), true};
  }
  void will_need(Range) const noexcept override {}
  [[nodiscard]] int descriptor() const noexcept override { return -1; }

 private:
  Stuck stuck_;
  const StuckPlace& place_;
  std::string name_ = "slow";
};

/// Data, or compressed clusters, all over; the first cluster, or the first region's tables, come late.
class SlowImage final : public Image {
 public:
  SlowImage(Stuck stuck, const StuckPlace& place) : stuck_(stuck), place_(place), storage_(stuck, place) {}

  [[nodiscard]] ImageFormat format() const noexcept override { return ImageFormat::qcow2; }
  [[nodiscard]] std::uint64_t size() const noexcept override { return test::size; }
  [[nodiscard]] std::uint64_t cluster_size() const noexcept override { return 64 * kib; }
  [[nodiscard]] const Storage& storage() const noexcept override { return storage_; }
  [[nodiscard]] const Storage& data_storage() const noexcept override { return storage_; }
  [[nodiscard]] std::uint64_t map_unit() const noexcept override { return region; }
  void map(Range range, std::size_t, Extents& out) const override {
    place_.pass(stuck_ == Stuck::tables && range.start == 0);
    const std::uint64_t step = stuck_ == Stuck::packed ? cluster_size() : range.length;
    for (std::uint64_t at = range.start; at < range.end(); at += step) {
      Extent extent{.start = at, .length = step, .kind = ExtentKind::data};
      extent.offset = at;
      if (stuck_ == Stuck::packed) {
        extent.kind = ExtentKind::compressed;
        extent.packed_size = 512;
      }
      out.push_back(extent);
    }
  }
  [[nodiscard]] Result<void> inflate(const Extent& extent, MutableBytes) const override {
    place_.pass(stuck_ == Stuck::packed && extent.offset == 0);
    return {};
  }

 private:
  Stuck stuck_;
  const StuckPlace& place_;
  SlowStorage storage_;
};

/// One reader waits for the disk, and another one reads elsewhere.
class SlowReadTest : public testing::TestWithParam<std::pair<Stuck, std::uint64_t>> {
 protected:
  [[nodiscard]] bool read(std::uint64_t offset) {
    ReplyPipe none;
    return files_.read(*file_, {offset, 4 * kib}, {thread_buffer(), none}).has_value();
  }

  StuckPlace place_;
  std::vector<std::string> lines_;
  Reporter reporter_{[this](const std::string& line) { lines_.push_back(line); }};
  Views views_{slice_of({std::make_shared<SlowImage>(GetParam().first, place_)}), ViewCaches()};
  Crew crew_;
  FileSystem files_{Tree::single_file(views_.slice()), views_, Owner{}, crew_, reporter_,
                    Zeros::of_size(max_reply).value()};
  OpenFile* file_ = files_.open(root_inode, O_RDONLY).value();
};

TEST_P(SlowReadTest, DoesNotHoldUpAReaderElsewhere) {
  const std::uint64_t elsewhere = GetParam().second;
  auto slow = std::async(std::launch::async, [this] { return read(0); });
  const bool is_waiting = place_.was_reached();
  auto other = std::async(std::launch::async, [this, elsewhere] { return read(elsewhere); });
  const bool is_free = other.wait_for(patience) == std::future_status::ready;
  const bool still_waits = slow.wait_for(0s) == std::future_status::timeout;
  const unsigned waiting = crew_.waiting();
  place_.release();
  EXPECT_TRUE(is_waiting);
  EXPECT_TRUE(is_free);
  EXPECT_TRUE(still_waits);
  EXPECT_EQ(waiting, 1U) << "so that another thread takes requests";
  EXPECT_TRUE(slow.get());
  EXPECT_TRUE(other.get());
  EXPECT_EQ(crew_.waiting(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Of, SlowReadTest,
                         testing::Values(std::pair(Stuck::data, 64 * kib), std::pair(Stuck::packed, 64 * kib),
                                         std::pair(Stuck::tables, region)));

}  // namespace
}  // namespace qchain::test
