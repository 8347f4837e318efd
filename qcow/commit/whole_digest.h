#pragma once

#include "qcow/commit/record.h"
#include "qcow/commit/selection.h"
#include "qcow/verify/disk_digest.h"

namespace qchain {

/// What the whole base must read as after a commit: now as its top reads, and behind that as the base does, but for
/// what Selection::hidden_tail() names. `before_first_write` is left to the caller. Errors: io, corrupt, interrupted.
[[nodiscard]] Result<WholeDigest> take_whole_digest(const Selection& selection, const DigestOptions& options);

/// Which part of a base does not read as a WholeDigest says.
struct WholeDifference {
  bool in_view = false;
  bool in_tail = false;  ///< behind the view's end, or the base is not as long as it was
  [[nodiscard]] bool none() const noexcept { return !in_view && !in_tail; }
};

/// Reads the whole base, through its own backing files, and compares. Errors: io, corrupt, interrupted.
[[nodiscard]] Result<WholeDifference> compare_whole(const View& base, const WholeDigest& expected,
                                                    const DigestOptions& options);

}  // namespace qchain
