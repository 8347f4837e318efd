#pragma once

#include "qcow/commit/plan.h"

namespace qchain {

/// Fills in totals, new_bytes and free_bytes by walking the moves. Inside of the commit room. Errors: as plan_commit().
[[nodiscard]] Result<void> forecast_moves(CommitPlan& plan);

}  // namespace qchain
