#pragma once

#include <string>

#include "qcow/commit/record.h"
#include "qcow/storage/gate.h"
#include "qcow/verify/compare.h"

namespace qchain {

/// How the base of a finished commit was checked.
enum class CheckedBy : std::uint8_t {
  layers,  ///< against the merged layers, which are still there
  digest,  ///< against the digest in the record: the layers are retired, or are no longer what was merged
};

/// What the check of a finished commit found.
struct CommitCheck {
  CheckedBy by = CheckedBy::layers;
  Comparison comparison;      ///< by layers
  bool digest_agrees = true;  ///< by digest
  [[nodiscard]] bool good() const noexcept { return comparison.same() && digest_agrees; }
};

/// Checks the base of a finished commit: against the merged layers where they are there, else against the digest of
/// what was merged. Notes `verified`, and the digest where there was none, in the record. Opens all through `gate`.
/// Errors: refused (no record, the commit is not finished, nothing left to compare with), locked, io, corrupt,
/// interrupted.
[[nodiscard]] Result<CommitCheck> verify_commit(RecordStore& records, Gate& gate, const CompareOptions& options);

}  // namespace qchain
