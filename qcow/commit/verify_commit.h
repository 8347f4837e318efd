#pragma once

#include <optional>
#include <string>

#include "qcow/commit/record.h"
#include "qcow/commit/whole_digest.h"
#include "qcow/storage/gate.h"
#include "qcow/verify/compare.h"

namespace qchain {

/// How the base of a finished commit was checked.
enum class CheckedBy : std::uint8_t {
  layers,  ///< against the merged layers, which are still there
  digest,  ///< against the digest of what was merged
  whole,   ///< all of it against the digest of the whole view that was read before the first write
};

/// What the check of a finished commit found.
struct CommitCheck {
  CheckedBy by = CheckedBy::layers;
  Comparison comparison;      ///< by layers; else: where there is a difference, what the layers tell of its place
  bool digest_agrees = true;  ///< by digest, whole
  std::optional<WholeDigest> whole;  ///< by whole: what was expected
  WholeDifference difference;        ///< by whole: which part disagrees
  [[nodiscard]] bool good() const noexcept { return comparison.same() && digest_agrees; }
};

/// The file at the base's path is still the one that was merged into. Errors: refused.
[[nodiscard]] Result<void> expect_in_place(const RecordedFile& base);

/// Checks the base of a finished commit: against the merged layers where they are there, else against the digest of
/// what was merged. Notes `verified` in the record, or takes it back, and the
/// digest where there was none. Opens all through `gate`.
/// Errors: refused (no record, the commit is not finished, nothing left to compare with), locked, io, corrupt,
/// interrupted.
[[nodiscard]] Result<CommitCheck> verify_commit(RecordStore& records, Gate& gate, const CompareOptions& options);

/// Reads back what was merged into the base of a finished commit, and checks it against the digest that was taken of it
/// when it was read from the layers; where there is none (blocks were shared, the merge was cut off in between, or had
/// too many runs), as verify_commit(). On a difference the merged layers, where they are there, tell its place. Notes
/// `verified`, or takes it back. Errors: as verify_commit(); refused (another file has the base's name now).
[[nodiscard]] Result<CommitCheck> verify_moved(RecordStore& records, Gate& gate, const CompareOptions& options);

/// Reads the whole base of a finished commit and checks it against the digest that was taken of the whole view before
/// the first write; notes `verified` in the record, or takes it back. On a difference the merged layers, where they are
/// there, tell its place. Errors: as verify_commit(); refused (the record has no such digest).
[[nodiscard]] Result<CommitCheck> verify_whole(RecordStore& records, Gate& gate, const CompareOptions& options);

}  // namespace qchain
