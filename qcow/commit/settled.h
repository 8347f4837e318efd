#pragma once

#include "qcow/chain/chain.h"

namespace qchain {

/// Whether the chain's active image may be built upon, by the records of commits beside its layers: no commit into one
/// of them is unfinished, and none has merged the active image away from under its top, so that it reads wrong now.
/// Hold the locks on the chain: else a commit may begin right after. Errors: refused (what to do), io, permission,
/// corrupt (a record that can't be read, by its path).
[[nodiscard]] Result<void> check_settled(const Chain& chain);

}  // namespace qchain
