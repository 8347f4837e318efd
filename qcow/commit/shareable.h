#pragma once

#include <array>
#include <cstdint>

#include "qcow/chain/extent.h"

namespace qchain {

/// The guest bytes of `extent` that lie in whole blocks, in the guest's disk and in the source alike, so that another
/// file may share these blocks; empty where there are none. Only data is. `unit`: bytes of a block, a power of two, or
/// 0: nothing can be shared. `source_size`: bytes; blocks past the source's end are not there.
[[nodiscard]] Range shareable(const Extent& extent, std::uint64_t source_size, std::uint64_t unit) noexcept;

/// What of `all` lies before and behind `part`, which is inside of it. An empty part lies at the end.
[[nodiscard]] constexpr std::array<Range, 2> around(Range all, Range part) noexcept {
  const std::uint64_t start = part.empty() ? all.end() : part.start;
  return {range_between(all.start, start), range_between(start + part.length, all.end())};
}

}  // namespace qchain
