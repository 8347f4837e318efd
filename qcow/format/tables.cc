#include "qcow/format/tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>

#include "qcow/core/range.h"
#include "qcow/format/text.h"

namespace qchain::format {
namespace {

constexpr std::size_t snapshot_fixed_size = 40;
constexpr std::size_t bitmap_fixed_size = 24;
constexpr std::size_t entry_alignment = 8;

constexpr std::uint32_t bitmap_in_use = 1U << 0;
constexpr std::uint32_t bitmap_auto = 1U << 1;
constexpr std::uint32_t bitmap_known_flags = bitmap_in_use | bitmap_auto;
constexpr std::uint8_t dirty_tracking_bitmap = 1;

std::unexpected<Error> snapshot_error(std::size_t index, std::string_view what) {
  return fail(ErrorKind::limit, fmt::format("snapshot table, entry {}: {}", index, what));
}

std::unexpected<Error> bitmap_error(ErrorKind kind, std::size_t index, std::string_view what) {
  return fail(kind, fmt::format("bitmap directory, entry {}: {}", index, what));
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

struct BitmapSizes {
  std::size_t extra = 0;
  std::size_t name = 0;
  [[nodiscard]] std::size_t total() const noexcept { return bitmap_fixed_size + extra + name; }
};

BitmapSizes bitmap_sizes(Bytes entry) {
  return {load_be<std::uint32_t>(entry, 20), load_be<std::uint16_t>(entry, 18)};
}

Result<void> check_bitmap_fields(Bytes entry, const BitmapSizes& sizes, std::size_t index) {
  const auto granularity_bits = std::to_integer<std::uint32_t>(entry[17]);
  if (sizes.extra != 0) {
    return bitmap_error(ErrorKind::unsupported, index, "extra data is not supported");
  }
  if ((load_be<std::uint32_t>(entry, 12) & ~bitmap_known_flags) != 0) {
    return bitmap_error(ErrorKind::unsupported, index, "unknown flags");
  }
  if (std::to_integer<std::uint8_t>(entry[16]) != dirty_tracking_bitmap) {
    return bitmap_error(ErrorKind::unsupported, index, "unknown bitmap type");
  }
  if (granularity_bits < min_bitmap_granularity_bits || granularity_bits > max_bitmap_granularity_bits) {
    return bitmap_error(ErrorKind::limit, index, fmt::format("granularity 2^{} is not supported", granularity_bits));
  }
  if (sizes.name > max_bitmap_name) {
    return bitmap_error(ErrorKind::limit, index, fmt::format("name of {} bytes", sizes.name));
  }
  return {};
}

Result<void> check_bitmap_table(const Bitmap& bitmap, std::size_t index) {
  if (bitmap.table_entries == 0 || bitmap.table_entries > max_bitmap_table_entries) {
    return bitmap_error(ErrorKind::limit, index, fmt::format("table of {} entries", bitmap.table_entries));
  }
  // The smallest cluster: whoever reads the table has to check against the image's own.
  if (bitmap.table_offset == 0 || !is_aligned(bitmap.table_offset, sector)) {
    return bitmap_error(ErrorKind::corrupt, index, "table offset is invalid");
  }
  return {};
}

/// `entry` holds what `sizes` says.
Result<Bitmap> read_bitmap(Bytes entry, const BitmapSizes& sizes, std::size_t index) {
  QC_TRY(check_bitmap_fields(entry, sizes, index));
  Bitmap bitmap;
  bitmap.table_offset = load_be<std::uint64_t>(entry, 0);
  bitmap.table_entries = load_be<std::uint32_t>(entry, 8);
  const auto flags = load_be<std::uint32_t>(entry, 12);
  bitmap.inconsistent = (flags & bitmap_in_use) != 0;
  bitmap.enabled = (flags & bitmap_auto) != 0;
  bitmap.granularity = std::uint64_t{1} << std::to_integer<unsigned>(entry[17]);
  bitmap.name = text_up_to_nul(entry.subspan(bitmap_fixed_size + sizes.extra, sizes.name));
  QC_TRY(check_bitmap_table(bitmap, index));
  return bitmap;
}

Result<void> check_distinct_names(const std::vector<Bitmap>& bitmaps) {
  std::vector<std::string_view> names;
  names.reserve(bitmaps.size());
  std::ranges::transform(bitmaps, std::back_inserter(names), &Bitmap::name);
  std::ranges::sort(names);
  const auto twice = std::ranges::adjacent_find(names);
  if (twice == names.end()) {
    return {};
  }
  return fail(ErrorKind::corrupt, fmt::format("bitmap directory names '{}' twice", printable(*twice)));
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
    consumed = align_up(consumed, entry_alignment);
  }
  return snapshots;
}

Result<std::vector<Bitmap>> parse_bitmaps(const BitmapsExtension& extension, Bytes directory) {
  std::vector<Bitmap> bitmaps;
  for (Bytes rest = directory; !rest.empty();) {
    const std::size_t index = bitmaps.size();
    if (index == extension.count) {
      return fail(ErrorKind::corrupt, "bitmap directory has more entries than counted");
    }
    if (rest.size() < bitmap_fixed_size) {
      return bitmap_error(ErrorKind::corrupt, index, "directory ends early");
    }
    const BitmapSizes sizes = bitmap_sizes(rest);
    const std::uint64_t size = align_up(sizes.total(), entry_alignment);
    if (size > rest.size()) {
      return bitmap_error(ErrorKind::corrupt, index, "directory ends early");
    }
    bitmaps.push_back(QC_TRY(read_bitmap(rest, sizes, index)));
    rest = rest.subspan(size);
  }
  if (bitmaps.size() != extension.count) {
    return fail(ErrorKind::corrupt, "bitmap directory has fewer entries than counted");
  }
  QC_TRY(check_distinct_names(bitmaps));
  return bitmaps;
}

}  // namespace qchain::format
