#pragma once

#include "qcow/commit/record.h"

namespace qchain {

/// From here on bytes go into the base itself: the file that was to take its place is one to be deleted.
void give_up_new_base(LiveCommit& live);

/// Deletes the files that a commit under a running guest made for itself and that nothing reads through any more, each
/// only if it is still the file of that name, and takes them out of the record, durably. Errors: io, permission.
[[nodiscard]] Result<void> remove_temporaries(CommitRecord& record, RecordStore& store);

}  // namespace qchain
