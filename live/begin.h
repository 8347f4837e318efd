#pragma once

#include <optional>

#include "live/context.h"
#include "qcow/commit/find_record.h"

/// Inside of the live room: from what the user asks, and what an earlier run has left, to a record.
namespace qchain::live {

/// The record of a commit under a running guest into one of the disk's layers that is not finished, or has not tidied
/// up. Errors: those of RecordStore::load(); refused (it was asked for in other words).
[[nodiscard]] Result<std::optional<FoundRecord>> find_unfinished(const LiveRequest& request, const Disk& disk,
                                                                 const LiveSurroundings& around);

/// The record of the very commit that these words ask for, when it is done.
[[nodiscard]] Result<std::optional<FoundRecord>> find_finished(const LiveRequest& request, const Disk& disk,
                                                               const LiveSurroundings& around);

/// Looks at everything that may speak against it, then writes the record that a commit has begun. Errors: the plan's
/// first refusal, locked, invalid_argument.
[[nodiscard]] Result<void> begin_record(Context& context, const Disk& disk);

/// The record becomes that of a merge of all between its base and the overlay that is the active image now.
[[nodiscard]] Result<void> record_merge_below(Context& context);

/// All that a commit would do. `selection`: of the chain as it is.
[[nodiscard]] Result<CommitPlan> plan_on_disk(const LiveRequest& request, const Disk& disk, const Selection& selection,
                                              const LiveSurroundings& around);

/// Layers by the user's words. Errors: as select_on_disk(); invalid_argument, where top and ending don't fit.
[[nodiscard]] Result<Selection> select_for(const LiveRequest& request, const Disk& disk, const Chain& chain);

}  // namespace qchain::live
