#pragma once

#include <vector>

#include "qcow/core/bytes.h"
#include "qcow/core/range.h"

namespace qchain {

/// The ranges of `range` that do not read as zeros; `bytes` are its content. Looks at blocks of 64 KiB, aligned in the
/// guest.
[[nodiscard]] std::vector<Range> nonzero_ranges(Range range, Bytes bytes);

/// What is left of `range` without `taken`, which is in order and inside it.
[[nodiscard]] std::vector<Range> gaps(Range range, const std::vector<Range>& taken);

}  // namespace qchain
