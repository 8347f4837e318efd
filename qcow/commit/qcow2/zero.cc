// Qcow2BaseWriter: making guest ranges read as zeros.
#include <bit>

#include "qcow/commit/qcow2/writer.h"

namespace qchain::qcow2_base {

Result<void> Qcow2BaseWriter::zero(Range guest) {
  QC_TRY_IN(file_.name(), check_range(guest));
  QC_TRY(before_first_write());
  QC_TRY_IN(file_.name(), zero_all(guest));
  bitmaps_.changed(guest);
  return {};
}

Result<void> Qcow2BaseWriter::zero_all(Range guest) {
  if (data_file_) {
    // A raw data file must read as the disk does, and in any other this gives the space back.
    QC_TRY(data_file_->discard(guest));
  }
  const std::uint64_t span = header_.l1_entry_span();
  for (std::uint64_t start = guest.start; start < guest.end();) {
    const Range part{start, std::min(span - start % span, guest.end() - start)};
    if (mapping_.has_table(start / span) || !nothing_below(start)) {
      QC_TRY(zero_under_table(part));
      QC_TRY(checkpoint_if_due());
    }
    start = part.end();
  }
  return {};
}

Result<void> Qcow2BaseWriter::zero_under_table(Range part) {
  for (Range cluster = cluster_at(part.start); cluster.start < part.end(); cluster.start += cluster.length) {
    QC_TRY(zero_cluster(intersect(cluster, part)));
  }
  return {};
}

Range Qcow2BaseWriter::cluster_at(std::uint64_t guest_offset) const noexcept {
  return {align_down(guest_offset, header_.cluster_size()), header_.cluster_size()};
}

/// `part` lies inside one cluster.
Result<void> Qcow2BaseWriter::zero_cluster(Range part) {
  const Range cluster = cluster_at(part.start);
  if (part.end() == size()) {
    part = range_between(part.start, cluster.end());  // nobody reads what follows the end of the disk
  }
  ClusterState state = QC_TRY(look_up(cluster.start));
  if (state.unallocated() && nothing_below(part.start)) {
    return {};
  }
  if (header_.version < 3) {
    return zero_cluster_v2(part, state);
  }
  if (state.compressed && part != cluster) {
    QC_TRY(put(intersect(part, {0, size()}), Content::zeros()));
    return {};
  }
  const std::uint64_t unit = header_.allocation_unit();
  const std::uint64_t first = std::min(align_up(part.start, unit), part.end());
  const std::uint64_t last = std::max(first, align_down(part.end(), unit));
  QC_TRY(zero_edge(range_between(part.start, first), state));
  QC_TRY(zero_edge(range_between(last, part.end()), state));
  state = QC_TRY(look_up(cluster.start));
  return zero_units(cluster.start, state, units_covered(header_, range_between(first, last)));
}

/// `part` lies inside one unit, and does not fill it.
Result<void> Qcow2BaseWriter::zero_edge(Range part, const ClusterState& state) {
  if (part.empty()) {
    return {};
  }
  const std::uint32_t unit = units_touched(header_, part);
  const bool is_zero_below = (state.stored & unit) == 0 && nothing_below(part.start);
  if ((state.zeros & unit) != 0 || is_zero_below) {
    return {};
  }
  QC_TRY(put(intersect(part, {0, size()}), Content::zeros()));
  return {};
}

/// Marks units as zeros; those that read as zeros anyway stay as they are.
Result<void> Qcow2BaseWriter::zero_units(std::uint64_t guest_offset, const ClusterState& state, std::uint32_t units) {
  const bool keeps_unallocated = !state.compressed && nothing_below(guest_offset);
  const std::uint32_t unallocated = ~(state.stored | state.zeros);
  const std::uint32_t marked = units & ~(keeps_unallocated ? unallocated : 0);
  ClusterState after = state;
  after.compressed = false;
  after.zeros |= marked;
  after.stored &= ~marked;
  if (marked != 0 && after.stored == 0) {
    after.has_host = after.copied = false;
    after.host = 0;
  } else if (!data_file_ && QC_TRY(is_exclusive(state))) {
    QC_TRY(discard_units(state, marked & state.stored));
  }
  return replace(guest_offset, state, after);
}

/// Gives back the space of stored units of a cluster that others of its units still need.
Result<void> Qcow2BaseWriter::discard_units(const ClusterState& state, std::uint32_t units) {
  const std::uint64_t size = header_.allocation_unit();
  while (units != 0) {
    const auto first = static_cast<unsigned>(std::countr_zero(units));
    const auto count = static_cast<unsigned>(std::countr_one(units >> first));
    QC_TRY(file_.discard({state.host + first * size, count * size}));
    units &= ~static_cast<std::uint32_t>(((std::uint64_t{1} << count) - 1) << first);
  }
  return {};
}

/// Version 2 has no zero flag: a cluster is unallocated where that reads as zeros, else it holds them.
Result<void> Qcow2BaseWriter::zero_cluster_v2(Range part, const ClusterState& state) {
  const Range cluster = cluster_at(part.start);
  if (part == cluster && nothing_below(cluster.start)) {
    return replace(cluster.start, state, ClusterState{});
  }
  QC_TRY(put(intersect(part, {0, size()}), Content::zeros()));
  return {};
}

}  // namespace qchain::qcow2_base
