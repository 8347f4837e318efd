#pragma once

#include <cstddef>

#include "qcow/chain/chain.h"
#include "qcow/chain/extent.h"

namespace qchain {

/// The one resolution of guest bytes over all layers, which every command walks: asks each layer of the slice from the
/// top down, and only for what no layer above it has.
/// Extents that cover a prefix of `range` without gaps, joined where they continue: all of `range`, or less where
/// that would be more than about `limit` extents (at least 1; memory stays within a small multiple of it).
/// `range` is not empty and ends at or below slice.size().
[[nodiscard]] Extents resolve(const Slice& slice, Range range, std::size_t limit);

}  // namespace qchain
