#pragma once

#include <string>
#include <vector>

#include "live/context.h"

/// Inside of the live room: the machine's own commit of what lies below the active image, proved before the switch.
namespace qchain::live {

/// Merges what the record says, whose overlay is the image above: begins the job, or takes up one that is there; when
/// all is in the base, flushes it and compares it with the layers, while the guest runs; then lets the machine switch,
/// and makes sure that it has. The record is `verified` then. Where the comparison finds a difference the job is
/// cancelled: the report has it. Errors: those of commit_live(); the chain is as before, or a job still runs, as the
/// error says.
[[nodiscard]] Result<void> merge_below(Context& context);

/// Everything that was written to the layer is on stable storage, by whatever way the machine writes.
[[nodiscard]] Result<void> make_durable(Machine& machine, const DiskLayer& layer);

/// Closes images that the disk does not read through any more, top first. They are of no use, so an error is said and
/// no more; whether all are closed.
bool close_files(const Context& context, const std::vector<std::string>& files);
/// Closes those that the record says are merged, and what the commit had opened for itself; then that is deleted. What
/// could not be closed the same command tries once more.
[[nodiscard]] Result<void> take_away(Context& context);

}  // namespace qchain::live
