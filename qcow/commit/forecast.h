#pragma once

#include "qcow/commit/plan.h"

namespace qchain {

/// Inside of the commit room.
struct ForecastOptions {
  std::uint64_t moved_to = 0;  ///< guest offset up to which an earlier run has overwritten what was to be kept
  std::stop_token stop;
};

/// Fills in totals, new_bytes and free_bytes by walking the moves. Errors: as plan_commit().
[[nodiscard]] Result<void> forecast_moves(CommitPlan& plan, const ForecastOptions& options);

}  // namespace qchain
