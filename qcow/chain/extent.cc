#include "qcow/chain/extent.h"

namespace qchain {

namespace {

/// Storage place of a piece that starts `skipped` bytes into an extent. Packed data is one unit: its place stays.
std::uint64_t moved_offset(const Extent& extent, std::uint64_t skipped) noexcept {
  const bool moves = extent.has_offset() && extent.kind != ExtentKind::compressed;
  return moves ? extent.offset + skipped : extent.offset;
}

bool continues(const Extent& last, const Extent& next) noexcept {
  if (last.kind != next.kind || last.kind == ExtentKind::compressed || last.layer != next.layer ||
      last.fault != next.fault || last.end() != next.start || last.has_offset() != next.has_offset()) {
    return false;
  }
  return !last.has_offset() || last.offset + last.length == next.offset;
}

}  // namespace

const char* name_of(ExtentKind kind) noexcept {
  switch (kind) {
    case ExtentKind::data:
      return "data";
    case ExtentKind::compressed:
      return "compressed";
    case ExtentKind::zero:
      return "zero";
    case ExtentKind::hole:
      return "hole";
    case ExtentKind::past_end:
      return "past end";
    case ExtentKind::broken:
      return "broken";
  }
  return "?";
}

Extent clip(const Extent& extent, Range range) noexcept {
  const Range part = intersect(extent.range(), range);
  Extent piece = extent;
  piece.start = part.start;
  piece.length = part.length;
  piece.offset = moved_offset(extent, part.start - extent.start);
  return piece;
}

void append(Extents& extents, const Extent& next) {
  if (!extents.empty() && continues(extents.back(), next)) {
    extents.back().length += next.length;
  } else {
    extents.push_back(next);
  }
}

}  // namespace qchain
