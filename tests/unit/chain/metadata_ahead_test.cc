// The disk is asked for metadata before it is read: all layers' at once, and no more of it than can be needed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "qcow/chain/open_image.h"
#include "qcow/chain/view.h"
#include "tests/support/files.h"
#include "tests/support/forwarding_storage.h"
#include "tests/support/memory_file.h"
#include "tests/support/qcow2_places.h"
#include "tests/support/qemu.h"
#include "tests/support/temp_dir.h"

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
  image.will_map({0, image.size()}, 0);  // reads the L1 table
  accesses_.clear();
  image.will_map({0, image.size()}, SIZE_MAX);
  EXPECT_THAT(accesses_, ElementsAre(hint("b.qcow2", {table("b.qcow2", 1 << 20), cluster}),
                                     hint("b.qcow2", {table("b.qcow2", 2 * table_span), cluster})));
}

TEST_F(MetadataAhead, OnlyForTheEntriesOfTheRange) {
  const Chain chain = open();
  const Image& image = *chain.layer(1).image;
  image.will_map({0, image.size()}, 0);
  accesses_.clear();
  constexpr std::uint64_t start = std::uint64_t{64} << 20;
  image.will_map({start, std::uint64_t{128} << 20}, SIZE_MAX);
  EXPECT_THAT(accesses_, ElementsAre(hint("b.qcow2", {table("b.qcow2", 0) + start / cluster * 8, 2048 * 8})));
}

TEST_F(MetadataAhead, NoMoreThanItMay) {
  const Chain chain = open();
  const Image& image = *chain.layer(1).image;
  image.will_map({0, image.size()}, 0);
  accesses_.clear();
  image.will_map({0, image.size()}, cluster + 4096);
  EXPECT_THAT(accesses_, ElementsAre(hint("b.qcow2", {table("b.qcow2", 0), cluster}),
                                     hint("b.qcow2", {table("b.qcow2", 2 * table_span), 4096})));
}

TEST_F(MetadataAhead, NotForWhatOneReadTells) {
  const Chain chain = open();
  accesses_.clear();
  chain.layer(1).image->will_map({0, chain.layer(1).image->map_unit()}, SIZE_MAX);
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

}  // namespace
}  // namespace qchain::test
