#include "qcow/format/tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "qcow/core/range.h"
#include "qcow/format/text.h"

namespace qchain::format {
namespace {

constexpr std::size_t snapshot_fixed_size = 40;
constexpr std::size_t entry_alignment = 8;

std::unexpected<Error> snapshot_error(std::size_t index, std::string_view what) {
  return fail(ErrorKind::limit, fmt::format("snapshot table, entry {}: {}", index, what));
}

/// The sizes that an entry names; all bounded by their fields' widths, so their sum fits.
struct SnapshotSizes {
  std::size_t extra = 0;
  std::size_t id = 0;
  std::size_t name = 0;
  [[nodiscard]] std::size_t total() const noexcept { return snapshot_fixed_size + extra + id + name; }
};

SnapshotSizes snapshot_sizes(Bytes entry) {
  return {load_be<std::uint32_t>(entry, 36), load_be<std::uint16_t>(entry, 12), load_be<std::uint16_t>(entry, 14)};
}

/// Extra data grew over time: each field counts only if it is there as a whole.
void read_snapshot_extra(Bytes extra, Snapshot& snapshot) {
  if (extra.size() >= 8) {
    snapshot.vm_state_size = load_be<std::uint64_t>(extra, 0);
  }
  if (extra.size() >= 16) {
    snapshot.virtual_size = load_be<std::uint64_t>(extra, 8);
  }
}

/// `entry` holds what `sizes` says.
Snapshot read_snapshot(const Header& header, Bytes entry, const SnapshotSizes& sizes) {
  Snapshot snapshot;
  snapshot.l1_offset = load_be<std::uint64_t>(entry, 0);
  snapshot.l1_entries = load_be<std::uint32_t>(entry, 8);
  snapshot.date_seconds = load_be<std::uint32_t>(entry, 16);
  snapshot.date_nanoseconds = load_be<std::uint32_t>(entry, 20);
  snapshot.vm_clock_nanoseconds = load_be<std::uint64_t>(entry, 24);
  snapshot.vm_state_size = load_be<std::uint32_t>(entry, 32);
  snapshot.virtual_size = header.virtual_size;
  read_snapshot_extra(entry.subspan(snapshot_fixed_size, sizes.extra), snapshot);
  const Bytes text = entry.subspan(snapshot_fixed_size + sizes.extra);
  snapshot.id = text_up_to_nul(text.first(sizes.id));
  snapshot.name = text_up_to_nul(text.subspan(sizes.id, sizes.name));
  return snapshot;
}

}  // namespace

Result<std::vector<Snapshot>> parse_snapshots(const Header& header, Bytes table) {
  if (header.snapshot_count > max_snapshots) {
    return fail(ErrorKind::limit, "too many snapshots");
  }
  std::vector<Snapshot> snapshots;
  std::vector<std::byte> storage;
  std::uint64_t consumed = 0;
  for (std::uint32_t i = 0; i < header.snapshot_count; ++i) {
    const Bytes rest = table.subspan(std::min<std::uint64_t>(consumed, table.size()));
    const SnapshotSizes sizes = snapshot_sizes(zero_extended(rest, snapshot_fixed_size, storage));
    if (sizes.extra > max_snapshot_extra) {
      return snapshot_error(i, "too much extra data");
    }
    consumed += sizes.total();
    if (consumed > max_snapshot_table_bytes) {
      return snapshot_error(i, "the table is too big");
    }
    snapshots.push_back(read_snapshot(header, zero_extended(rest, sizes.total(), storage), sizes));
    snapshots.back().extra_size = static_cast<std::uint32_t>(sizes.extra);
    snapshots.back().entry_end = consumed;
    consumed = align_up(consumed, entry_alignment);
  }
  return snapshots;
}

bool has_possible_l1(const Header& header, const Snapshot& snapshot) noexcept {
  const std::uint64_t length = snapshot.l1_entries * sizeof(std::uint64_t);
  return length <= max_l1_bytes && is_aligned(snapshot.l1_offset, header.cluster_size()) &&
         fits(snapshot.l1_offset, length, max_virtual_size);
}

}  // namespace qchain::format
