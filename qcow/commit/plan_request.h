#pragma once

#include <optional>

#include "qcow/commit/commit.h"

/// Inside of the commit room: from what a user asks, and what an earlier run has left, to a plan.
namespace qchain {

/// The record of this commit as far as no plan is needed for it: which files it is about.
[[nodiscard]] CommitRecord record_about(const CommitRequest& request, const Selection& selection);

/// plan_commit(), going on from what the earlier record beside the base says, where it is of this commit. A base that a
/// first run began to keep is kept, also where the user does not say so again. Errors: as plan_commit().
[[nodiscard]] Result<CommitPlan> plan_request(const Selection& selection, const CommitRequest& request,
                                              const std::optional<CommitRecord>& earlier,
                                              const std::stop_token& stop = {});

/// That a commit which is done has kept the base as the request wants it. Errors: refused.
[[nodiscard]] Result<void> check_kept(const CommitRequest& request, const CommitRecord& finished);

}  // namespace qchain
