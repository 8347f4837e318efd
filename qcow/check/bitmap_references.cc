#include "qcow/check/bitmap_references.h"

#include <algorithm>
#include <array>

namespace qchain {
namespace {

constexpr std::uint64_t entries_at_once = 512;

void corrupt(ClusterCensus& census, std::string what, std::uint64_t offset) {
  ++census.pass().by_walk.corruptions;
  census.pass().by_walk.findings.add(Severity::damage, std::move(what), offset);
}

Result<void> count_bits(const Image& image, const format::Bitmap& bitmap, ClusterCensus& census,
                        const std::stop_token& stop) {
  std::array<std::byte, entries_at_once * sizeof(std::uint64_t)> bytes;
  for (std::uint64_t first = 0; first < bitmap.table_entries; first += entries_at_once) {
    if (stop.stop_requested()) {
      return fail(ErrorKind::interrupted, "check interrupted");
    }
    const std::uint64_t count = std::min<std::uint64_t>(entries_at_once, bitmap.table_entries - first);
    const auto part = MutableBytes(bytes).first(count * sizeof(std::uint64_t));
    if (!image.storage().read_padded(bitmap.table_offset + first * sizeof(std::uint64_t), part)) {
      ++census.pass().by_walk.check_errors;
      census.pass().by_walk.findings.add(Severity::damage, "bitmap table cannot be read", bitmap.table_offset);
      return {};
    }
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto entry =
          format::decode_bitmap_entry(*image.header(), load_be<std::uint64_t>(part, i * sizeof(std::uint64_t)));
      if (!entry) {
        corrupt(census, entry.error().what, bitmap.table_offset);
      } else if (entry->bits == format::BitmapBits::stored) {
        census.count({entry->offset, census.cluster_size()}, ClusterUse::structure, "bitmap cluster");
      }
    }
  }
  return {};
}

/// Tables have clusters of their own: longer than the file they can't be, but a few of its bytes could be named as a
/// table thousands of times.
bool can_lie_in(const Storage& file, const std::vector<format::Bitmap>& bitmaps) {
  std::uint64_t rest = file.size() / sizeof(std::uint64_t);
  return std::ranges::all_of(bitmaps, [&](const format::Bitmap& bitmap) {
    const bool fits_in = bitmap.table_entries <= rest;
    rest -= fits_in ? bitmap.table_entries : 0;
    return fits_in;
  });
}

}  // namespace

Result<void> count_bitmaps(const Image& image, ClusterCensus& census, const std::stop_token& stop) {
  const auto& extension = image.header()->bitmaps;
  if (!extension) {
    return {};
  }
  census.count({extension->directory_offset, extension->directory_size}, ClusterUse::structure, "bitmap directory");
  const auto bitmaps = image.bitmaps();
  if (!bitmaps) {
    corrupt(census, bitmaps.error().what, extension->directory_offset);
    return {};
  }
  if (!can_lie_in(image.storage(), *bitmaps)) {
    corrupt(census, "bitmap tables are longer together than the file", extension->directory_offset);
    return {};
  }
  for (const format::Bitmap& bitmap : *bitmaps) {
    census.count({bitmap.table_offset, bitmap.table_entries * sizeof(std::uint64_t)}, ClusterUse::structure,
                 "bitmap table");
    QC_TRY(count_bits(image, bitmap, census, stop));
  }
  return {};
}

}  // namespace qchain
