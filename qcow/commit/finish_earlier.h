#pragma once

#include <optional>

#include "qcow/commit/commit.h"

/// Inside of the commit room: the end of a commit whose run was cut off after the switch.
namespace qchain {

/// When an earlier run was cut off after the overlay's header was switched, the chain no longer shows the merged
/// layers: makes the switch durable and the record `done`. The record, if this request asks for the very commit that is
/// done by now; nothing otherwise: then there is something to do. Errors: io, locked, no_space.
[[nodiscard]] Result<std::optional<CommitRecord>> finish_earlier_run(const CommitRequest& request, const Chain& chain,
                                                                     CommitSurroundings& around);

}  // namespace qchain
