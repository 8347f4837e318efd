#pragma once

#include "live/context.h"

/// Inside of the live room: the machine's own commit of what lies below the active image, proved before the switch.
namespace qchain::live {

/// Merges what the record says, whose overlay is the image above: begins the job, or takes up one that is there; when
/// all is in the base, flushes it and compares it with the layers, while the guest runs; then lets the machine switch,
/// and makes sure that it has. The record is `verified` then. Where the comparison finds a difference the job is
/// cancelled: the report has it. Errors: those of commit_live(); the chain is as before, or a job still runs, as the
/// error says.
[[nodiscard]] Result<void> merge_below(Context& context);

}  // namespace qchain::live
