#include "fusefs/layer_counts.h"

#include <algorithm>

#include "qcow/chain/extent.h"

namespace qchain::fusefs {
namespace {

/// Bytes looked at through all layers at once; bounds what must be remembered of them.
constexpr std::uint64_t stride = std::uint64_t{1} << 30;
constexpr std::size_t extents_at_once = 65536;

/// Ascending, without overlap.
using Ranges = std::vector<Range>;

void add(Ranges& ranges, Range range) {
  if (!ranges.empty() && ranges.back().end() >= range.start) {
    ranges.back().length = std::max(ranges.back().end(), range.end()) - ranges.back().start;
  } else if (!range.empty()) {
    ranges.push_back(range);
  }
}

/// What one layer decides of a range: it has the data, or hides what lies under it.
struct Decided {
  Ranges all;
  Ranges data;
  bool is_hole = true;  ///< of one kind or the other, all of it
};

bool decides(const Extent& extent) {
  return extent.kind != ExtentKind::hole || extent.has_offset();
}
bool is_stored(const Extent& extent) {
  return extent.kind == ExtentKind::data || extent.kind == ExtentKind::compressed;
}

Decided ask(const Image& image, Range range) {
  Decided decided;
  Extents extents;
  Range rest = intersect(range, {0, image.size()});
  while (!rest.empty()) {
    extents.clear();
    image.map(rest, extents_at_once, extents);
    for (const Extent& extent : extents) {
      if (decides(extent)) add(decided.all, extent.range());
      if (is_stored(extent)) add(decided.data, extent.range());
      decided.is_hole = decided.is_hole && extent.kind == ExtentKind::hole;
    }
    rest = range_between(extents.back().end(), rest.end());
  }
  add(decided.all, range_between(std::max(range.start, image.size()), range.end()));  // a short layer hides the rest
  return decided;
}

Ranges subtract(const Ranges& from, const Ranges& what) {
  Ranges left;
  auto next = what.begin();
  for (const Range range : from) {
    std::uint64_t position = range.start;
    while (next != what.end() && next->end() <= position) {
      ++next;
    }
    for (auto cut = next; cut != what.end() && cut->start < range.end(); ++cut) {
      add(left, range_between(position, cut->start));
      position = cut->end();
    }
    add(left, range_between(position, range.end()));
  }
  return left;
}

Ranges unite(const Ranges& one, const Ranges& other) {
  Ranges sorted;
  sorted.reserve(one.size() + other.size());
  std::ranges::merge(one, other, std::back_inserter(sorted), {}, &Range::start, &Range::start);
  Ranges united;
  for (const Range range : sorted) {
    add(united, range);
  }
  return united;
}

std::uint64_t total(const Ranges& ranges) {
  std::uint64_t bytes = 0;
  for (const Range range : ranges) {
    bytes += range.length;
  }
  return bytes;
}

std::uint64_t longest(const Slice& slice) {
  std::uint64_t size = 0;
  for (std::size_t position = slice.base; position <= slice.top; ++position) {
    size = std::max(size, slice.chain.layer(position).image->size());
  }
  return size;
}

/// Whether there was anything but holes.
bool count(const Slice& slice, Range range, std::vector<std::uint64_t>& counts) {
  Ranges stored;
  std::uint64_t bytes = 0;
  bool found = false;
  for (std::size_t position = slice.base; position <= slice.top; ++position) {
    const Decided decided = ask(*slice.chain.layer(position).image, range);
    found = found || !decided.is_hole;
    if (!decided.all.empty()) {
      stored = unite(subtract(stored, decided.all), decided.data);
      bytes = total(stored);
    }
    counts[position - slice.base] += bytes;
  }
  return found;
}

/// Where the hole that the layer has at `start` ends.
std::uint64_t end_of_hole(const Image& image, std::uint64_t start) {
  Extents extents;
  for (std::uint64_t position = start; position < image.size(); position = extents.back().end()) {
    extents.clear();
    image.map(range_between(position, image.size()), 1, extents);
    if (extents.front().kind != ExtentKind::hole) {
      return position;
    }
  }
  return UINT64_MAX;
}

/// The end of the hole that all layers have there: it is one step, of whatever length.
std::uint64_t end_of_hole(const Slice& slice, std::uint64_t start) {
  std::uint64_t end = UINT64_MAX;
  for (std::size_t position = slice.base; position <= slice.top && end > start; ++position) {
    end = std::min(end, end_of_hole(*slice.chain.layer(position).image, start));
  }
  return end;
}

}  // namespace

std::vector<std::uint64_t> count_stored_up_to_each(const Slice& slice) {
  std::vector<std::uint64_t> counts(slice.top - slice.base + 1);
  const std::uint64_t end = longest(slice);
  for (std::uint64_t start = 0; start < end;) {
    const Range range = range_between(start, std::min(start + stride, end));
    start = count(slice, range, counts) ? range.end() : end_of_hole(slice, range.end());
  }
  return counts;
}

}  // namespace qchain::fusefs
