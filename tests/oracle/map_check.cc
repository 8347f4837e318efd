#include "tests/oracle/map_check.h"

#include <algorithm>

#include "tests/oracle/mismatch.h"
#include "tests/support/views.h"

namespace qchain::test {
namespace {

bool same_place(const MapEntry& entry, const Extent& extent, std::uint64_t start) {
  return entry.offset && *entry.offset + (start - entry.start) == extent.offset + (start - extent.start);
}

/// Does QEMU's entry mean what the extent says, from `start` on, where both hold?
bool agree(const View& view, const MapEntry& entry, const Extent& extent, std::uint64_t start) {
  const Slice& slice = view.slice();
  // What lies past a short layer is, to QEMU, said by the layer above it.
  const std::size_t teller = extent.layer + (extent.kind == ExtentKind::past_end ? 1U : 0U);
  if (entry.depth != slice.top - teller) {
    return false;
  }
  const bool reads_zero = entry.zero && !entry.data;
  switch (extent.kind) {
    // Both "data" and "zero" is QEMU's way to say that a preallocated cluster is a hole of the file.
    case ExtentKind::data:
      return entry.present && entry.data && same_place(entry, extent, start);
    case ExtentKind::compressed:
      return entry.present && entry.data && !entry.zero && !entry.offset;
    case ExtentKind::zero:
      return entry.present && reads_zero;
    case ExtentKind::hole:
      return reads_zero && entry.present == (slice.chain.layer(extent.layer).image->format() == ImageFormat::raw);
    case ExtentKind::past_end:
      return !entry.present && reads_zero;
    case ExtentKind::broken:
      return false;
  }
  return false;
}

void check_extent_at(const View& view, const Extent& whole, std::uint64_t offset) {
  const Extent found = view.extent_at(offset);
  const Extent expected = clip(whole, {offset, found.length});
  if (found.start != offset || found.length == 0 || found.end() > whole.end() || found != expected) {
    disagree("extent_at(" + std::to_string(offset) + ") says " + test::to_string(found) + ", the walk " +
             test::to_string(whole));
  }
}

/// Every piece of the extent as the cached index gives it.
void check_by_index(const View& view, const Extent& extent, Random& random) {
  for (std::uint64_t offset = extent.start; offset < extent.end(); offset = view.extent_at(offset).end()) {
    check_extent_at(view, extent, offset);
  }
  check_extent_at(view, extent, extent.start + random.below(extent.length));
}

}  // namespace

Extents check_index(const View& view, Random& random) {
  Extents extents = extents_of(view);
  std::uint64_t end = 0;
  for (const Extent& extent : extents) {
    if (extent.start != end || extent.length == 0) {
      disagree("the walk leaves a gap before " + to_string(extent));
    }
    end = extent.end();
  }
  if (end != view.size()) {
    disagree("the walk ends at " + std::to_string(end));
  }
  // A cache too small for one region resolves it anew at every call, so that all extents would take long.
  const std::size_t step = 1 + extents.size() / 300;
  for (std::size_t i = random.below(step); i < extents.size(); i += step) {
    check_by_index(view, extents[i], random);
  }
  return extents;
}

void check_map(const View& view, const Extents& extents, const std::vector<MapEntry>& map) {
  auto entry = map.begin();
  auto extent = extents.begin();
  for (std::uint64_t start = 0; start < view.size();) {
    if (entry == map.end() || extent == extents.end()) {
      disagree("one map ends at " + std::to_string(start));
    }
    if (!agree(view, *entry, *extent, start)) {
      disagree("at " + std::to_string(start) + ": extent " + to_string(*extent) + ", qemu-img map " +
               to_string(*entry));
    }
    start = std::min(entry->start + entry->length, extent->end());
    if (entry->start + entry->length == start) {
      ++entry;
    }
    if (extent->end() == start) {
      ++extent;
    }
  }
}

}  // namespace qchain::test
