#pragma once

#include "qcow/commit/plan.h"

/// Inside of the commit room: images whose metadata can't be written safely.
namespace qchain {

/// Adds a refusal for each image that the commit would write to, in which metadata share a cluster with anything else:
/// a write to the one would destroy the other. And for a qcow2 base whose refcounts don't fit what refers to its
/// clusters: what two guest clusters share would be written in place. Reads the tables of that base and of the overlay.
/// Errors: io, interrupted.
[[nodiscard]] Result<void> refuse_overlaps(CommitPlan& plan, const std::stop_token& stop);

}  // namespace qchain
