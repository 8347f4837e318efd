// Qcow2BaseWriter: a larger disk.
#include <fmt/format.h>

#include <algorithm>

#include "qcow/commit/qcow2/writer.h"

namespace qchain::qcow2_base {
namespace {

constexpr std::uint64_t l1_entry_size = sizeof(std::uint64_t);

std::uint64_t l1_entries_for(const format::Header& header, std::uint64_t size) noexcept {
  return size / header.l1_entry_span() + (size % header.l1_entry_span() != 0 ? 1 : 0);
}

}  // namespace

Result<void> Qcow2BaseWriter::check_growth(std::uint64_t size) const {
  if (size < header_.virtual_size || !is_aligned(size, format::sector)) {
    return fail(ErrorKind::invalid_argument, fmt::format("the disk cannot be made {} bytes long", size));
  }
  if (size > format::max_virtual_size || l1_entries_for(header_, size) > format::max_l1_bytes / l1_entry_size) {
    return fail(ErrorKind::limit,
                fmt::format("clusters of {} bytes cannot hold a disk of {} bytes", header_.cluster_size(), size));
  }
  if (header_.version < 3 && header_.snapshot_count != 0) {
    return std::unexpected(make_error(ErrorKind::unsupported,
                                      "a version 2 image with internal snapshots cannot grow: they don't say how "
                                      "long the disk was")
                               .advise("make it version 3 with `qemu-img amend -o compat=1.1`"));
  }
  return bitmaps_.check_growth(size);
}

Result<void> Qcow2BaseWriter::grow(std::uint64_t size) {
  QC_TRY_IN(file_.name(), check_growth(size));
  if (size == header_.virtual_size) {
    return {};
  }
  QC_TRY(before_first_write());
  QC_TRY_IN(file_.name(), prepare_bitmaps(size));
  QC_TRY_IN(file_.name(), grow_l1(size));
  const Range added = range_between(header_.virtual_size, size);
  header_.virtual_size = size;
  QC_TRY_IN(file_.name(), zero_all(added));
  // The overlays don't mask what lies past the old end: it must be zeros before the new size shows it.
  QC_TRY_IN(file_.name(), checkpoint_.run_durably());
  if (data_file_) {
    QC_TRY(data_file_->extend(size));  // QEMU wants a raw one as long as the disk
  }
  header_sector_.set_virtual_size(size);
  return header_sector_.write();
}

/// What is added to the disk is clean. The marks are durable before the header says the new size: a bitmap whose table
/// is too short for the disk would make the image one that nobody opens.
Result<void> Qcow2BaseWriter::prepare_bitmaps(std::uint64_t size) {
  if (QC_TRY(bitmaps_.must_be_trimmed())) {
    QC_TRY(store_bitmaps());
    QC_TRY(before_first_write());
  }
  return bitmaps_.mark_short(size);
}

Result<void> Qcow2BaseWriter::grow_l1(std::uint64_t size) {
  const std::uint64_t entries = l1_entries_for(header_, size);
  if (entries <= mapping_.l1_entries()) {
    return {};
  }
  QC_TRY(checkpoint_.run());
  const std::uint64_t length = align_up(entries * l1_entry_size, header_.cluster_size());
  const Range place = QC_TRY(refcounts_.reserve(length >> header_.cluster_bits));
  const Range old = QC_TRY(mapping_.move_l1(place, static_cast<std::uint32_t>(entries)));
  header_sector_.set_l1(place.start, static_cast<std::uint32_t>(entries));
  return checkpoint_.switch_header(old);
}

}  // namespace qchain::qcow2_base
