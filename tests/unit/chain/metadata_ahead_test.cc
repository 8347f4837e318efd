// The disk is asked for metadata before it is read: all layers' at once, and no more of it than can be needed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "qcow/chain/view.h"
#include "tests/support/files.h"
#include "tests/support/forwarding_storage.h"
#include "tests/support/memory_file.h"
#include "tests/support/qcow2_places.h"
#include "tests/support/qemu.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/chain/fake_image.h"

namespace qchain::test {
namespace {

using testing::ElementsAre;

constexpr std::uint64_t cluster = 65536;
constexpr std::uint64_t table_span = std::uint64_t{512} << 20;

struct Access {
  enum class Kind : std::uint8_t { hint, read } kind;
  std::string file;
  Range range;
  friend bool operator==(const Access&, const Access&) = default;
};
using Accesses = std::vector<Access>;

class NotingStorage final : public ForwardingStorage {
 public:
  NotingStorage(SharedWritable inner, Accesses& accesses) : ForwardingStorage(std::move(inner)), accesses_(accesses) {}

  [[nodiscard]] Result<std::size_t> read(std::uint64_t offset, MutableBytes into) const override {
    accesses_.push_back({Access::Kind::read, name(), {offset, into.size()}});
    return ForwardingStorage::read(offset, into);
  }
  void will_need(Range range) const noexcept override { accesses_.push_back({Access::Kind::hint, name(), range}); }

 private:
  Accesses& accesses_;
};

class NotingGate final : public Gate {
 public:
  NotingGate(std::string folder, Accesses& accesses) : folder_(std::move(folder)), accesses_(accesses) {}
  [[nodiscard]] Result<SharedStorage> open(const OpenRequest& request) override {
    const std::string name = request.path.substr(request.path.rfind('/') + 1);
    return std::make_shared<NotingStorage>(std::make_shared<MemoryFile>(read_file(folder_ + "/" + name), name),
                                           accesses_);
  }

 private:
  std::string folder_;
  Accesses& accesses_;
};

/// a.qcow2 <- b.qcow2, of 2 GiB: each has clusters under the first and the third of its four tables.
class MetadataAhead : public testing::Test {
 protected:
  MetadataAhead() {
    qemu_img({"create", "-f", "qcow2", folder_ / "a.qcow2", "2G"});
    create_overlay(folder_ / "b.qcow2", "a.qcow2", "qcow2");
    for (const std::string file : {"a.qcow2", "b.qcow2"}) {
      qemu_io(folder_ / file, {"write 1M 64k", "write 1100M 64k"});
    }
  }

  [[nodiscard]] Chain open() {
    NotingGate gate(folder_.path(), accesses_);
    return Chain::open(folder_ / "b.qcow2", gate).value();
  }
  /// Where `file` has the table of a guest offset. Bytes.
  [[nodiscard]] std::uint64_t table(const std::string& file, std::uint64_t offset) const {
    return align_down(l2_entry_place(folder_ / file, offset), cluster);
  }
  void read_l1_table(const Image& image) {
    EXPECT_EQ(image.will_map({0, image.size()}, 0), 0) << "nothing was asked for";
    accesses_.clear();
  }
  [[nodiscard]] Access hint(const std::string& file, Range range) const { return {Access::Kind::hint, file, range}; }

  TempDir folder_;
  Accesses accesses_;
};

TEST_F(MetadataAhead, OpeningAsksForTheHeaderAndTheL1Table) {
  const Chain chain = open();
  const std::uint64_t l1 = chain.layer(0).image->header()->l1_offset;
  const auto first = std::ranges::find(accesses_, "a.qcow2", &Access::file);
  ASSERT_NE(first, accesses_.end());
  EXPECT_EQ(*first, hint("a.qcow2", {0, cluster})) << "before the first read";
  EXPECT_THAT(accesses_, testing::Contains(hint("a.qcow2", {l1, 4 * sizeof(std::uint64_t)})));
}

TEST_F(MetadataAhead, AnImageAsksForTheTablesItHas) {
  const Chain chain = open();
  const Image& image = *chain.layer(1).image;
  read_l1_table(image);
  EXPECT_EQ(image.will_map({0, image.size()}, SIZE_MAX), image.size());
  EXPECT_THAT(accesses_, ElementsAre(hint("b.qcow2", {table("b.qcow2", 1 << 20), cluster}),
                                     hint("b.qcow2", {table("b.qcow2", 2 * table_span), cluster})));
}

TEST_F(MetadataAhead, OnlyForTheEntriesOfTheRange) {
  const Chain chain = open();
  const Image& image = *chain.layer(1).image;
  read_l1_table(image);
  constexpr Range range{std::uint64_t{64} << 20, std::uint64_t{128} << 20};
  EXPECT_EQ(image.will_map(range, SIZE_MAX), range.end());
  EXPECT_THAT(accesses_, ElementsAre(hint("b.qcow2", {table("b.qcow2", 0) + range.start / cluster * 8, 2048 * 8})));
}

TEST_F(MetadataAhead, NoMoreThanItMay) {
  const Chain chain = open();
  const Image& image = *chain.layer(1).image;
  read_l1_table(image);
  EXPECT_EQ(image.will_map({0, image.size()}, cluster + 4096 + 7), 2 * table_span + 512 * cluster)
      << "how far 512 entries reach";
  EXPECT_THAT(accesses_, ElementsAre(hint("b.qcow2", {table("b.qcow2", 0), cluster}),
                                     hint("b.qcow2", {table("b.qcow2", 2 * table_span), 4096})));
}

TEST_F(MetadataAhead, NotForWhatOneReadTells) {
  const Chain chain = open();
  accesses_.clear();
  const std::uint64_t unit = chain.layer(1).image->map_unit();
  EXPECT_EQ(chain.layer(1).image->will_map({0, unit}, SIZE_MAX), unit);
  EXPECT_THAT(accesses_, ElementsAre());
}

TEST_F(MetadataAhead, AWalkAsksAllLayersBeforeItReadsATable) {
  const View view(Slice::of(open(), "", "").value(), ViewCaches{});
  accesses_.clear();
  ExtentWalk walk(view, {0, view.size()});
  ASSERT_TRUE(walk.next());
  const auto of_a_table = [&](const Access& access) {
    return access.range.start >= std::min(table("a.qcow2", 0), table("b.qcow2", 0));
  };
  std::erase_if(accesses_, std::not_fn(of_a_table));
  const auto first_read = std::ranges::find(accesses_, Access::Kind::read, &Access::kind);
  ASSERT_EQ(std::distance(accesses_.begin(), first_read), 4);
  EXPECT_THAT(Accesses(accesses_.begin(), first_read),
              testing::UnorderedElementsAre(hint("a.qcow2", {table("a.qcow2", 0), cluster}),
                                            hint("a.qcow2", {table("a.qcow2", 2 * table_span), cluster}),
                                            hint("b.qcow2", {table("b.qcow2", 0), cluster}),
                                            hint("b.qcow2", {table("b.qcow2", 2 * table_span), cluster})));
}

/// Notes what of it is announced.
class AnnouncedImage final : public Image {
 public:
  AnnouncedImage(std::shared_ptr<const FakeImage> image, std::uint64_t at_once)
      : image_(std::move(image)), at_once_(at_once) {}

  [[nodiscard]] ImageFormat format() const noexcept override { return image_->format(); }
  [[nodiscard]] std::uint64_t size() const noexcept override { return image_->size(); }
  [[nodiscard]] std::uint64_t cluster_size() const noexcept override { return image_->cluster_size(); }
  [[nodiscard]] const Storage& storage() const noexcept override { return image_->storage(); }
  [[nodiscard]] const Storage& data_storage() const noexcept override { return image_->data_storage(); }
  void map(Range range, std::size_t limit, Extents& out) const override { image_->map(range, limit, out); }
  [[nodiscard]] std::uint64_t will_map(Range range, std::uint64_t most) const override {
    announced_.push_back(range);
    most_ = most;
    return std::min(range.end(), range.start + at_once_);
  }
  [[nodiscard]] std::uint64_t map_unit() const noexcept override { return image_->map_unit(); }
  [[nodiscard]] Result<void> inflate(const Extent& extent, MutableBytes into) const override {
    return image_->inflate(extent, into);
  }

  [[nodiscard]] const std::vector<Range>& announced() const noexcept { return announced_; }
  [[nodiscard]] std::uint64_t most() const noexcept { return most_; }

 private:
  std::shared_ptr<const FakeImage> image_;
  std::uint64_t at_once_;
  mutable std::vector<Range> announced_;
  mutable std::uint64_t most_ = 0;
};

constexpr std::uint64_t all = std::uint64_t{1} << 40;
constexpr std::uint64_t block = 4096;
constexpr std::uint64_t refill = 16384 * block;  // guest bytes that a walk resolves at once, where each block is alone

/// Every block of `range` lies elsewhere than behind the one before.
Extents scattered(Range range) {
  Extents extents;
  for (std::uint64_t start = range.start; start < range.end(); start += block) {
    extents.push_back({.start = start, .length = block, .offset = 2 * start, .kind = ExtentKind::data});
  }
  return extents;
}

std::shared_ptr<AnnouncedImage> announced_image(std::uint64_t size, Extents extents, std::uint64_t at_once) {
  static std::uint64_t inode = 1;
  return std::make_shared<AnnouncedImage>(
      std::make_shared<FakeImage>(size, std::move(extents), std::vector<std::byte>{}, ++inode), at_once);
}

void walk_all(const Slice& slice) {
  const View view(slice, ViewCaches{});
  ExtentWalk walk(view, {0, view.size()});
  while (walk.next()) {
  }
}

TEST(Announcing, GoesNoFurtherThanALayerReaches) {
  const auto below = announced_image(refill / 2, {}, all);
  const auto above = announced_image(refill, {}, all);
  walk_all(slice_of({below, above}));
  EXPECT_THAT(below->announced(), ElementsAre(Range{0, refill / 2}));
  EXPECT_THAT(above->announced(), ElementsAre(Range{0, refill}));
}

TEST(Announcing, LayersShareWhatIsAskedForAhead) {
  const auto alone = announced_image(refill, {}, all);
  walk_all(slice_of({alone}));
  const auto below = announced_image(refill, {}, all);
  const auto above = announced_image(refill, {}, all);
  walk_all(slice_of({below, above}));
  EXPECT_EQ(alone->most(), std::uint64_t{64} << 20);
  EXPECT_EQ(below->most(), alone->most() / 2);
  EXPECT_EQ(above->most(), alone->most() / 2);
}

TEST(Announcing, NothingTwice) {
  const auto image = announced_image(4 * refill, scattered({0, 4 * refill}), 2 * refill);
  walk_all(slice_of({image}));
  EXPECT_THAT(image->announced(), ElementsAre(Range{0, 4 * refill}, range_between(2 * refill, 4 * refill)));
}

TEST(Announcing, AgainForTheLayerThatReachesLeast) {
  const auto below = announced_image(3 * refill, {}, refill);
  const auto above = announced_image(3 * refill, scattered({0, 3 * refill}), all);
  walk_all(slice_of({below, above}));
  EXPECT_EQ(above->announced().size(), 2);
}

TEST(Announcing, NotForLayersThatThoseAboveHide) {
  const auto hidden = announced_image(3 * refill, {}, refill);
  const auto above = announced_image(3 * refill, scattered({0, 3 * refill}), refill);
  walk_all(slice_of({hidden, above}));
  EXPECT_EQ(above->announced().size(), 3);
  EXPECT_EQ(hidden->announced().size(), 1) << "the first time nobody knows";
}

}  // namespace
}  // namespace qchain::test
