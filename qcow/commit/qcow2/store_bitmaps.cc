// Qcow2BaseWriter: bringing the bitmaps up to date with what was written.
#include "qcow/commit/qcow2/writer.h"
#include "qcow/format/bitmaps_switch.h"

namespace qchain::qcow2_base {

Result<void> Qcow2BaseWriter::merge_bitmaps() {
  bitmaps_.merge_all();
  return {};
}

Result<void> Qcow2BaseWriter::store_bitmaps() {
  QC_TRY(before_first_write());
  const format::BitmapsExtension next = QC_TRY(bitmaps_.write());
  // The header must not name bitmaps that a crash could still take away.
  QC_TRY(checkpoint_.settle());
  QC_TRY(switch_to(next));
  // Their old clusters are freed after a sync only: until then a crash may bring the old directory back.
  bitmaps_.switched(frees_);
  may_write_ = false;
  return {};
}

/// One write of one sector decides.
Result<void> Qcow2BaseWriter::switch_to(const format::BitmapsExtension& bitmaps) {
  std::vector<std::byte> cluster(header_.cluster_size());
  QC_TRY(file_.read(0, cluster));
  const format::BitmapsSwitch change = QC_TRY(format::switch_bitmaps(cluster, bitmaps));
  if (!change.name.empty()) {
    QC_TRY(file_.write(change.name_offset, change.name));
    // The new header names a place that must hold the backing file's name by then.
    QC_TRY(file_.sync());
  }
  header_.bitmaps = bitmaps;
  header_.autoclear |= format::autoclear_bitmaps;
  if (change.sector_offset != 0) {
    return file_.write(change.sector_offset, change.sector_bytes);
  }
  header_sector_.replace(change.sector_bytes);
  return header_sector_.write();
}

}  // namespace qchain::qcow2_base
