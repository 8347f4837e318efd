#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "qcow/core/bytes.h"
#include "qcow/core/error.h"
#include "qcow/format/header.h"

/// Persistent dirty bitmaps: a directory of them, of each a table, and the clusters of bits that the table names.
/// Source: qcow2 specification, "Bitmaps"; limits as QEMU has them.
namespace qchain::format {

/// A persistent dirty bitmap, as its directory entry says.
struct Bitmap {
  std::string name;               ///< any bytes
  std::uint64_t granularity = 0;  ///< bytes of guest disk a bit, a power of two
  bool enabled = false;           ///< "auto": records writes
  bool inconsistent = false;      ///< "in use": not saved properly
  std::uint64_t table_offset = 0;
  std::uint32_t table_entries = 0;
  std::uint64_t entry_offset = 0;  ///< of its entry, in bytes from the directory's start
};

/// Parses the bitmap directory of an image that has bitmaps. `directory`: directory_size bytes. Checks all that the
/// entries say against the cluster size and, but for inconsistent bitmaps, the disk's size. The bitmaps' own tables are
/// not read. Errors: corrupt, limit, unsupported.
[[nodiscard]] Result<std::vector<Bitmap>> parse_bitmaps(const Header& header, Bytes directory);

/// The bytes of a directory; notes in each bitmap where its entry lies in them. Names have at most max_bitmap_name
/// bytes.
[[nodiscard]] std::vector<std::byte> encode_bitmap_directory(std::span<Bitmap> bitmaps);

/// The flags of a directory entry, and where they lie in the directory; four bytes that never cross a sector.
[[nodiscard]] std::uint32_t bitmap_flags(const Bitmap& bitmap) noexcept;
[[nodiscard]] constexpr std::uint64_t bitmap_flags_place(const Bitmap& bitmap) noexcept {
  return bitmap.entry_offset + 12;
}

/// Guest bytes under one entry of a bitmap's table, a power of two of at most 2^55.
[[nodiscard]] constexpr std::uint64_t bitmap_entry_span(const Header& header, std::uint64_t granularity) noexcept {
  return granularity << (header.cluster_bits + 3);
}
/// Entries that the table of a bitmap needs for a disk of `size` bytes; at least one.
[[nodiscard]] std::uint64_t bitmap_entries_for(const Header& header, std::uint64_t granularity,
                                               std::uint64_t size) noexcept;
/// Most entries that a table may have.
[[nodiscard]] constexpr std::uint64_t max_bitmap_entries(const Header& header) noexcept {
  return max_bitmap_bytes >> header.cluster_bits;
}

/// What an entry of a bitmap's table says of its bits.
enum class BitmapBits : std::uint8_t { zeros, ones, stored };
struct BitmapEntry {
  BitmapBits bits = BitmapBits::zeros;
  std::uint64_t offset = 0;  ///< stored: of their cluster, in bytes
};
/// Errors: corrupt.
[[nodiscard]] Result<BitmapEntry> decode_bitmap_entry(const Header& header, std::uint64_t raw);

/// Bits of a bitmap's data: bit 0 is the lowest of the first byte.
struct BitRun {
  std::uint64_t first = 0;
  std::uint64_t count = 0;
};
/// Sets bits inside of `bytes`.
void set_bits(MutableBytes bytes, BitRun run) noexcept;
/// Clears all bits from `first` on.
void clear_bits_from(MutableBytes bytes, std::uint64_t first) noexcept;
/// The first run of set bits from bit `from` on and below `end` (inside of `bytes`), or nothing.
[[nodiscard]] std::optional<BitRun> next_set_run(Bytes bytes, std::uint64_t from, std::uint64_t end) noexcept;

}  // namespace qchain::format
