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

void count_bits(const Image& image, const format::Bitmap& bitmap, ClusterCensus& census) {
  std::array<std::byte, entries_at_once * sizeof(std::uint64_t)> bytes;
  for (std::uint64_t first = 0; first < bitmap.table_entries; first += entries_at_once) {
    const std::uint64_t count = std::min<std::uint64_t>(entries_at_once, bitmap.table_entries - first);
    const auto part = MutableBytes(bytes).first(count * sizeof(std::uint64_t));
    if (!image.storage().read_padded(bitmap.table_offset + first * sizeof(std::uint64_t), part)) {
      ++census.pass().by_walk.check_errors;
      census.pass().by_walk.findings.add(Severity::damage, "bitmap table cannot be read", bitmap.table_offset);
      return;
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
}

}  // namespace

void count_bitmaps(const Image& image, ClusterCensus& census) {
  const auto& extension = image.header()->bitmaps;
  if (!extension) {
    return;
  }
  census.count({extension->directory_offset, extension->directory_size}, ClusterUse::structure, "bitmap directory");
  const auto bitmaps = image.bitmaps();
  if (!bitmaps) {
    corrupt(census, bitmaps.error().what, extension->directory_offset);
    return;
  }
  for (const format::Bitmap& bitmap : *bitmaps) {
    census.count({bitmap.table_offset, bitmap.table_entries * sizeof(std::uint64_t)}, ClusterUse::structure,
                 "bitmap table");
    count_bits(image, bitmap, census);
  }
}

}  // namespace qchain
