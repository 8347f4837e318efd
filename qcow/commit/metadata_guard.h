#pragma once

#include "qcow/commit/plan.h"

/// Inside of the commit room: images whose metadata can't be written safely.
namespace qchain {

/// Adds a refusal for each image that the commit would write to, in which metadata share a cluster with anything else:
/// a write to the one would destroy the other. Reads the tables of a qcow2 base and of the overlay above the top.
/// Errors: io.
[[nodiscard]] Result<void> refuse_overlaps(CommitPlan& plan);

}  // namespace qchain
