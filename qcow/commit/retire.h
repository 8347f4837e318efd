#pragma once

#include <string>
#include <vector>

#include "qcow/commit/record.h"
#include "qcow/storage/gate.h"
#include "qcow/verify/compare.h"

namespace qchain {

/// What a retirement did.
struct Retirement {
  std::vector<std::string> deleted;  ///< paths, in the order in which they went: from the top down
};

/// Deletes the overlays that a finished commit merged: verifies the base against them first, then makes sure that each
/// is still the file that was merged, that nobody has it open, and that no other image hangs on it. Only files that the
/// record names. Interrupted after it began to delete, it goes on when called again.
/// `folders`: more places to look for images that hang on them.
/// Errors: refused (with the reason), locked, io, corrupt, interrupted; nothing is deleted then.
[[nodiscard]] Result<Retirement> retire(RecordStore& records, const CompareOptions& options,
                                        const std::vector<std::string>& folders = {});

/// Those that the user names, and the one of the record: what leads to the base by links may have its overlays there.
[[nodiscard]] std::vector<std::string> folders_to_scan(std::vector<std::string> named, const std::string& anchor);

}  // namespace qchain
