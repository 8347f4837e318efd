#include "qcow/commit/spot_check.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "qcow/chain/view.h"

namespace qchain {

namespace {

constexpr std::uint64_t piece = std::uint64_t{64} << 10;
constexpr std::uint64_t window = std::uint64_t{1} << 30;

bool is_stored(const Extent& extent) {
  return extent.kind == ExtentKind::data || extent.kind == ExtentKind::compressed;
}

std::optional<Range> first_stored(const View& view, Range range) {
  ExtentWalk walk(view, range);
  while (const auto extent = walk.next()) {
    if (is_stored(*extent)) {
      return Range{extent->start, std::min(extent->length, piece)};
    }
  }
  return std::nullopt;
}

/// A window at a time, from the end: what lies far before it need not be resolved.
std::optional<Range> last_stored(const View& view, std::uint64_t end) {
  std::optional<Range> last;
  while (end > 0 && !last) {
    const std::uint64_t start = end > window ? end - window : 0;
    ExtentWalk walk(view, range_between(start, end));
    while (const auto extent = walk.next()) {
      if (is_stored(*extent)) {
        const std::uint64_t length = std::min(extent->length, piece);
        last = Range{extent->range().end() - length, length};
      }
    }
    end = start;
  }
  return last;
}

Result<bool> same(const View& one, const View& other, Range range) {
  std::vector<std::byte> bytes(range.length);
  std::vector<std::byte> others(range.length);
  if (range.end() > other.size()) {
    return false;
  }
  QC_TRY(one.read(range.start, bytes));
  QC_TRY(other.read(range.start, others));
  return bytes == others;
}

}  // namespace

Result<bool> still_holds_moved(const Selection& selection, std::uint64_t moved_to) {
  const View above(selection.above(), ViewCaches{});
  const View base({.chain = selection.chain, .base = 0, .top = selection.base}, ViewCaches{});
  const std::uint64_t end = std::min(moved_to, above.size());
  for (const auto& range : {first_stored(above, {0, end}), last_stored(above, end)}) {
    if (range && !QC_TRY(same(above, base, *range))) {
      return false;
    }
  }
  return true;
}

}  // namespace qchain
