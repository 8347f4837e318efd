#include "qcow/commit/shareable.h"

#include <algorithm>

namespace qchain {

Range shareable(const Extent& extent, std::uint64_t source_size, std::uint64_t unit) noexcept {
  if (extent.kind != ExtentKind::data || unit == 0 || !is_aligned(extent.start ^ extent.offset, unit) ||
      extent.offset >= source_size) {
    return {};
  }
  const std::uint64_t stored = std::min(extent.length, source_size - extent.offset);
  // No overflow: guest offsets end well below 2^64 (format::max_virtual_size).
  return range_between(align_up(extent.start, unit), align_down(extent.start + stored, unit));
}

}  // namespace qchain
