#include "qcow/commit/qcow2/checkpoint.h"

#include <utility>

namespace qchain::qcow2_base {

Result<void> Checkpoint::run() {
  if (!mapping_.changed() && !refcounts_.has_links()) {
    return {};
  }
  QC_TRY(prepare());
  return write_entries();
}

Result<void> Checkpoint::write_entries() {
  QC_TRY(mapping_.write_entries());
  frees_.unsynced.insert(frees_.unsynced.end(), frees_.dropped.begin(), frees_.dropped.end());
  frees_.dropped.clear();
  return {};
}

/// Makes durable whatever the L1 and L2 entries to be written will refer to.
Result<void> Checkpoint::prepare() {
  const std::uint64_t writes_before = file_.writes();
  QC_TRY(mapping_.write_new_tables());
  QC_TRY(refcounts_.write_blocks());
  if (refcounts_.has_links()) {
    // A refcount table that names a block whose content is lost would give garbage for refcounts.
    QC_TRY(file_.sync());
    const Range replaced = QC_TRY(refcounts_.link(header_));
    if (!replaced.empty()) {
      frees_.unsynced.push_back(replaced);
    }
  }
  // L1 and L2 entries must not come before the data, the tables and the raised refcounts of what they refer to.
  QC_TRY(data_.sync());
  const bool refers_to_file = &data_ == &file_ || file_.writes() != writes_before;
  return refers_to_file ? sync_file() : Result<void>{};
}

/// Refcounts are lowered only after a sync: until then a crash may bring back the entries that referred to the
/// clusters.
Result<void> Checkpoint::sync_file() {
  QC_TRY(file_.sync());
  for (const Range range : std::exchange(frees_.unsynced, {})) {
    QC_TRY(refcounts_.lower(range));
  }
  return {};
}

Result<void> Checkpoint::run_durably() {
  QC_TRY(run());
  QC_TRY(data_.sync());
  return sync_file();
}

Result<void> Checkpoint::settle() {
  QC_TRY(prepare());
  QC_TRY(sync_file());
  return write_entries();
}

Result<void> Checkpoint::switch_header(Range replaced) {
  QC_TRY(prepare());
  QC_TRY(header_.write());
  if (!replaced.empty()) {
    frees_.unsynced.push_back(replaced);
  }
  return {};
}

Result<void> Checkpoint::finish() {
  QC_TRY(run_durably());
  QC_TRY(refcounts_.write_blocks());
  // The lowered refcounts; nothing to do where none were.
  return file_.sync();
}

}  // namespace qchain::qcow2_base
