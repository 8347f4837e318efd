// Qcow2BaseWriter: the bytes around those that are written, where a unit or a moved cluster needs them.
#include <algorithm>

#include "qcow/commit/qcow2/writer.h"
#include "qcow/format/inflate.h"

namespace qchain::qcow2_base {

Result<void> Qcow2BaseWriter::fill(const ClusterChange& change) {
  if (change.covered == change.cluster) {
    return {};
  }
  for (const Fill& part : fills_of(header_, change)) {
    QC_TRY(fill_part(change, part));
  }
  return {};
}

Result<void> Qcow2BaseWriter::fill_part(const ClusterChange& change, const Fill& part) {
  const Range target{change.host + (part.guest.start - change.cluster.start), part.guest.length};
  if (part.source == FillSource::zeros || (part.source == FillSource::below && nothing_below(part.guest.start))) {
    return data_.zero(target);
  }
  const Bytes bytes = QC_TRY(read_source(change, part));
  return is_zero(bytes) ? data_.zero(target) : data_.write(target.start, bytes);
}

/// The result lives until the next call.
Result<Bytes> Qcow2BaseWriter::read_source(const ClusterChange& change, const Fill& part) {
  cluster_.resize(header_.cluster_size());
  const std::uint64_t in_cluster = part.guest.start - change.cluster.start;
  const MutableBytes bytes = MutableBytes(cluster_).subspan(in_cluster, part.guest.length);
  if (part.source == FillSource::below) {
    QC_TRY(read_below(part.guest, bytes));
  } else if (part.source == FillSource::old_host) {
    QC_TRY(data_.read(change.before.host + in_cluster, bytes));
  } else {
    std::vector<std::byte> packed(change.before.packed.size);
    // The last stream may name more sectors than the file has: they are zeros.
    QC_TRY(file_.read(change.before.packed.offset, packed));
    QC_TRY(format::inflate(header_.compression, packed, cluster_));
  }
  return bytes;
}

Result<void> Qcow2BaseWriter::read_below(Range guest, MutableBytes into) const {
  const Range there = intersect(guest, {0, setup_.below ? setup_.below->size() : 0});
  if (!there.empty()) {
    QC_TRY(setup_.below->read(there.start, into.first(there.length)));
  }
  std::ranges::fill(into.subspan(there.length), std::byte{0});
  return {};
}

bool Qcow2BaseWriter::nothing_below(std::uint64_t guest_offset) const noexcept {
  return !setup_.below || guest_offset >= setup_.below->size();
}

}  // namespace qchain::qcow2_base
