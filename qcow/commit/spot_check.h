#pragma once

#include <cstdint>

#include "qcow/commit/selection.h"

/// Inside of the commit room: whether a base is still the one into which an earlier run has moved bytes.
namespace qchain {

/// Compares two pieces of what was moved before guest offset `moved_to`: the first that the layers store, and the last.
/// A base that was restored from a copy meanwhile, by its name or on its device, has neither. Errors: io, corrupt.
[[nodiscard]] Result<bool> still_holds_moved(const Selection& selection, std::uint64_t moved_to);

}  // namespace qchain
