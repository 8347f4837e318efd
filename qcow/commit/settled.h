#pragma once

#include <optional>
#include <string>

#include "qcow/chain/chain.h"
#include "qcow/commit/record.h"

namespace qchain {

/// Whether `overlay` may be put on the chain's active image, by the records of commits beside its layers: no commit
/// into one of them is unfinished, and none has merged the active image away from under its top, so that it reads wrong
/// now. The record of a block device lies beside the image that was active then: it is looked for beside `overlay` too.
/// Hold the locks on the chain: else a commit may begin right after. Errors: refused (what to do), io, permission,
/// corrupt (a record that can't be read, by its path).
[[nodiscard]] Result<void> check_settled(const Chain& chain, const std::string& overlay);

/// The record of a commit that is unfinished, or done with its layers still there, and has changed what the slice
/// shows: the slice ends below that commit's top, where no guest ever saw what it reads as now. Nothing where there is
/// none, or a record can't be read.
[[nodiscard]] std::optional<CommitRecord> commit_under_top(const Slice& slice);

}  // namespace qchain
