#pragma once

#include <cstdint>
#include <vector>

#include "qcow/chain/chain.h"

namespace qchain::fusefs {

/// Bytes stored by the view up to each layer of the slice, the base's first: what count_stored() says of each view as a
/// whole. Asks each layer once for each range, where a walk over each view would ask all layers under it again: with
/// 1,000 layers that is half a second against minutes.
[[nodiscard]] std::vector<std::uint64_t> count_stored_up_to_each(const Slice& slice);

}  // namespace qchain::fusefs
