#pragma once

#include <vector>

#include "qcow/chain/view.h"
#include "tests/support/qemu.h"
#include "tests/support/seed.h"

namespace qchain::test {

/// The walk covers the disk without gaps, and the cached index (extent_at) says the same as the walk, from every
/// extent's start on and at random places. Returns the walk. Throws Mismatch.
[[nodiscard]] Extents check_index(const View& view, Random& random);

/// The extents of a view against qemu-img map of the same slice. Throws Mismatch.
void check_map(const View& view, const Extents& extents, const std::vector<MapEntry>& map);

}  // namespace qchain::test
