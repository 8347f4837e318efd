#include "qcow/commit/qcow2/cluster_change.h"

namespace qchain::qcow2_base {
namespace {

/// Bits first .. end - 1, of at most 32.
constexpr std::uint32_t bits_between(std::uint64_t first, std::uint64_t end) noexcept {
  return end <= first
             ? 0
             : static_cast<std::uint32_t>(((std::uint64_t{1} << end) - 1) & ~((std::uint64_t{1} << first) - 1));
}

void add_fill(std::vector<Fill>& fills, Range guest, FillSource source) {
  if (guest.empty()) {
    return;
  }
  if (!fills.empty() && fills.back().guest.end() == guest.start && fills.back().source == source) {
    fills.back().guest.length += guest.length;
  } else {
    fills.push_back({guest, source});
  }
}

/// Of the unit with bit `unit`: where the bytes are that are not new.
FillSource source_of(const ClusterState& before, std::uint32_t unit) noexcept {
  if (before.compressed) {
    return FillSource::inflated;
  }
  if ((before.stored & unit) != 0) {
    return FillSource::old_host;
  }
  return (before.zeros & unit) != 0 ? FillSource::zeros : FillSource::below;
}

}  // namespace

std::uint32_t units_touched(const format::Header& header, Range part) noexcept {
  const std::uint64_t unit = header.allocation_unit();
  const std::uint64_t start = part.start & (header.cluster_size() - 1);
  return bits_between(start / unit, (start + part.length + unit - 1) / unit);
}

std::uint32_t units_covered(const format::Header& header, Range part) noexcept {
  const std::uint64_t unit = header.allocation_unit();
  const std::uint64_t start = part.start & (header.cluster_size() - 1);
  return bits_between((start + unit - 1) / unit, (start + part.length) / unit);
}

std::vector<Fill> fills_of(const format::Header& header, const ClusterChange& change) {
  std::vector<Fill> fills;
  const std::uint64_t size = header.allocation_unit();
  const std::uint32_t touched = units_touched(header, change.covered);
  std::uint32_t unit = 1;
  for (Range range{change.cluster.start, size}; range.start < change.cluster.end(); range.start += size, unit <<= 1) {
    const FillSource source = source_of(change.before, unit);
    const bool has_bytes = source == FillSource::old_host || source == FillSource::inflated;
    const bool needed = change.moves ? has_bytes || (touched & unit) != 0 : !has_bytes && (touched & unit) != 0;
    if (needed) {
      add_fill(fills, intersect(range, range_between(range.start, change.covered.start)), source);
      add_fill(fills, intersect(range, range_between(change.covered.end(), range.end())), source);
    }
  }
  return fills;
}

ClusterState state_after(const format::Header& header, const ClusterChange& change) {
  const std::uint32_t touched = units_touched(header, change.covered);
  ClusterState after;
  after.has_host = true;
  after.copied = true;
  after.host = change.host;
  after.stored = touched | (change.before.compressed ? all_units(header) : change.before.stored);
  after.zeros = change.before.zeros & ~touched;
  return after;
}

}  // namespace qchain::qcow2_base
