#include "tests/fuzz/read_all.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "qcow/chain/view.h"
#include "tests/fuzz/input.h"

namespace qchain::fuzz {
namespace {

constexpr std::uint64_t longest_read = 64 << 10;
constexpr int most_steps = 200;  // of a walk: a disk may have more extents than there is time
constexpr CacheBudget small{.index = 1 << 20, .clusters = 4 << 20};

void check_extent(const View& view, const Extent& extent) {
  require(extent.length > 0 && extent.end() <= view.size(), "an extent lies in the disk");
  require(extent.layer < view.slice().chain.depth(), "an extent comes from a layer");
  require((extent.kind == ExtentKind::broken) == (extent.fault != format::Fault::none),
          "a broken range has its reason");
  require(extent.kind != ExtentKind::data || extent.has_offset(), "data has a place");
}

/// The index that reads go by says the same as a walk, which goes round it.
void check_index(const View& view, const Extent& extent) {
  const Extent found = view.extent_at(extent.start);
  require(found.start == extent.start && found.kind == extent.kind, "index and walk agree on the kind");
  require(found.layer == extent.layer && found.offset == extent.offset, "index and walk agree on the place");
}

void check_read(const View& view, const Extent& extent) {
  std::vector<std::byte> bytes(std::min(extent.length, longest_read), std::byte{0xee});
  const auto read = view.read(extent.start, bytes);
  require(extent.kind != ExtentKind::broken || !read, "a broken range is not readable");
  require(!extent.reads_zero() || (read && is_zero(bytes)), "zeros read as zeros");
  std::vector<std::byte> again(bytes.size(), std::byte{0x11});
  const auto reread = view.read(extent.start, again);
  require(read.has_value() == reread.has_value() && (!read || bytes == again), "reading gives the same bytes again");
}

void walk(const View& view) {
  ExtentWalk walk(view, {0, view.size()});
  std::uint64_t reached = 0;
  for (int step = 0; step < most_steps; ++step) {
    const auto extent = walk.next();
    if (!extent) {
      require(reached == view.size(), "a walk ends at the end");
      return;
    }
    require(extent->start == reached, "a walk leaves no gap and goes on");
    check_extent(view, *extent);
    check_index(view, *extent);
    check_read(view, *extent);
    reached = extent->end();
  }
}

}  // namespace

void read_all(const Chain& chain) {
  for (std::size_t position = 0; position < chain.depth(); ++position) {
    (void)chain.layer(position).image->snapshots();
    (void)chain.layer(position).image->bitmaps();
  }
  auto slice = Slice::of(chain, "", "");
  require(slice.has_value(), "a chain is a slice of itself");
  walk(View(*std::move(slice), ViewCaches(small)));
}

}  // namespace qchain::fuzz
