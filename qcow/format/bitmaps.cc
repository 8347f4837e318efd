#include "qcow/format/bitmaps.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <iterator>
#include <string_view>

#include "qcow/core/range.h"
#include "qcow/format/limits.h"
#include "qcow/format/text.h"

namespace qchain::format {
namespace {

constexpr std::size_t fixed_size = 24;  ///< of a directory entry
constexpr std::size_t entry_alignment = 8;
constexpr std::uint64_t table_entry_size = 8;

constexpr std::uint32_t in_use_flag = 1U << 0;
constexpr std::uint32_t auto_flag = 1U << 1;
constexpr std::uint32_t known_flags = in_use_flag | auto_flag;
constexpr std::uint8_t dirty_tracking_bitmap = 1;

constexpr std::uint64_t entry_reserved = 0xff000000000001fe;
constexpr std::uint64_t entry_offset_mask = 0x00fffffffffffe00;
constexpr std::uint64_t entry_all_ones = 1;

std::unexpected<Error> bitmap_error(ErrorKind kind, std::size_t index, std::string_view what) {
  return fail(kind, fmt::format("bitmap directory, entry {}: {}", index, what));
}

/// The sizes that an entry names; all bounded by their fields' widths, so their sum fits.
struct Sizes {
  std::size_t extra = 0;
  std::size_t name = 0;
  [[nodiscard]] std::size_t total() const noexcept { return fixed_size + extra + name; }
};

Sizes sizes_of(Bytes entry) {
  return {load_be<std::uint32_t>(entry, 20), load_be<std::uint16_t>(entry, 18)};
}

Result<void> check_fields(Bytes entry, const Sizes& sizes, std::size_t index) {
  const auto granularity_bits = std::to_integer<std::uint32_t>(entry[17]);
  if (sizes.extra != 0) {
    return bitmap_error(ErrorKind::unsupported, index, "extra data is not supported");
  }
  if ((load_be<std::uint32_t>(entry, 12) & ~known_flags) != 0) {
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

Result<void> check_table(const Header& header, const Bitmap& bitmap, std::size_t index) {
  if (bitmap.table_entries == 0 || bitmap.table_entries > max_bitmap_entries(header)) {
    return bitmap_error(ErrorKind::limit, index, fmt::format("table of {} entries", bitmap.table_entries));
  }
  const bool has_place = bitmap.table_offset != 0 && is_aligned(bitmap.table_offset, header.cluster_size());
  if (!has_place || !fits(bitmap.table_offset, bitmap.table_entries * table_entry_size, max_virtual_size)) {
    return bitmap_error(ErrorKind::corrupt, index, "table offset is invalid");
  }
  // A disk may have grown since a bitmap was left in use; nobody reads its bits.
  if (!bitmap.inconsistent &&
      bitmap.table_entries < bitmap_entries_for(header, bitmap.granularity, header.virtual_size)) {
    return bitmap_error(ErrorKind::corrupt, index, "table is too short for the disk");
  }
  return {};
}

/// `entry` holds what `sizes` says.
Result<Bitmap> read_bitmap(const Header& header, Bytes entry, const Sizes& sizes, std::size_t index) {
  QC_TRY(check_fields(entry, sizes, index));
  Bitmap bitmap;
  bitmap.table_offset = load_be<std::uint64_t>(entry, 0);
  bitmap.table_entries = load_be<std::uint32_t>(entry, 8);
  const auto flags = load_be<std::uint32_t>(entry, 12);
  bitmap.inconsistent = (flags & in_use_flag) != 0;
  bitmap.enabled = (flags & auto_flag) != 0;
  bitmap.granularity = std::uint64_t{1} << std::to_integer<unsigned>(entry[17]);
  bitmap.name = text_up_to_nul(entry.subspan(fixed_size + sizes.extra, sizes.name));
  QC_TRY(check_table(header, bitmap, index));
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

void append_entry(std::vector<std::byte>& directory, const Bitmap& bitmap) {
  const std::size_t start = directory.size();
  directory.resize(align_up(start + fixed_size + bitmap.name.size(), entry_alignment));
  const MutableBytes entry = MutableBytes(directory).subspan(start);
  store_be(entry, 0, bitmap.table_offset);
  store_be(entry, 8, bitmap.table_entries);
  store_be(entry, 12, bitmap_flags(bitmap));
  entry[16] = std::byte{dirty_tracking_bitmap};
  entry[17] = static_cast<std::byte>(std::countr_zero(bitmap.granularity));
  store_be(entry, 18, static_cast<std::uint16_t>(bitmap.name.size()));
  std::ranges::copy(std::as_bytes(std::span(bitmap.name)), entry.subspan(fixed_size).begin());
}

/// The first bit from `from` on that differs from those in `like`, or `end`.
std::uint64_t find_other(Bytes bytes, std::uint64_t from, std::uint64_t end, std::byte like) noexcept {
  while (from < end) {
    const unsigned bits = std::to_integer<unsigned>(bytes[from / 8] ^ like) >> (from % 8);
    if (bits != 0) {
      return std::min(end, from + static_cast<unsigned>(std::countr_zero(bits)));
    }
    from = align_down(from, 8) + 8;
  }
  return end;
}

}  // namespace

Result<std::vector<Bitmap>> parse_bitmaps(const Header& header, Bytes directory) {
  const std::uint32_t count = header.bitmaps ? header.bitmaps->count : 0;
  std::vector<Bitmap> bitmaps;
  for (Bytes rest = directory; !rest.empty();) {
    const std::size_t index = bitmaps.size();
    if (index == count) {
      return fail(ErrorKind::corrupt, "bitmap directory has more entries than counted");
    }
    if (rest.size() < fixed_size) {
      return bitmap_error(ErrorKind::corrupt, index, "directory ends early");
    }
    const Sizes sizes = sizes_of(rest);
    const std::uint64_t size = align_up(sizes.total(), entry_alignment);
    if (size > rest.size()) {
      return bitmap_error(ErrorKind::corrupt, index, "directory ends early");
    }
    bitmaps.push_back(QC_TRY(read_bitmap(header, rest, sizes, index)));
    bitmaps.back().entry_offset = directory.size() - rest.size();
    rest = rest.subspan(size);
  }
  if (bitmaps.size() != count) {
    return fail(ErrorKind::corrupt, "bitmap directory has fewer entries than counted");
  }
  QC_TRY(check_distinct_names(bitmaps));
  return bitmaps;
}

std::vector<std::byte> encode_bitmap_directory(std::span<Bitmap> bitmaps) {
  std::vector<std::byte> directory;
  for (Bitmap& bitmap : bitmaps) {
    bitmap.entry_offset = directory.size();
    append_entry(directory, bitmap);
  }
  return directory;
}

std::uint32_t bitmap_flags(const Bitmap& bitmap) noexcept {
  return (bitmap.inconsistent ? in_use_flag : 0) | (bitmap.enabled ? auto_flag : 0);
}

std::uint64_t bitmap_entries_for(const Header& header, std::uint64_t granularity, std::uint64_t size) noexcept {
  const std::uint64_t span = bitmap_entry_span(header, granularity);
  return std::max<std::uint64_t>(1, size / span + (size % span != 0 ? 1 : 0));
}

Result<BitmapEntry> decode_bitmap_entry(const Header& header, std::uint64_t raw) {
  const std::uint64_t offset = raw & entry_offset_mask;
  const bool ones = (raw & entry_all_ones) != 0;
  // With an offset the lowest bit is reserved.
  if ((raw & entry_reserved) != 0 || !is_aligned(offset, header.cluster_size()) || (offset != 0 && ones)) {
    return fail(ErrorKind::corrupt, fmt::format("bitmap table entry {:#x} is invalid", raw));
  }
  if (offset != 0) {
    return BitmapEntry{BitmapBits::stored, offset};
  }
  return BitmapEntry{ones ? BitmapBits::ones : BitmapBits::zeros, 0};
}

void set_bits(MutableBytes bytes, BitRun run) noexcept {
  std::uint64_t bit = run.first;
  const std::uint64_t end = run.first + run.count;
  for (; bit < end && bit % 8 != 0; ++bit) {
    bytes[bit / 8] |= std::byte{1} << (bit % 8);
  }
  std::ranges::fill(bytes.subspan(bit / 8, (end - bit) / 8), std::byte{0xff});
  for (bit += align_down(end - bit, 8); bit < end; ++bit) {
    bytes[bit / 8] |= std::byte{1} << (bit % 8);
  }
}

void clear_bits_from(MutableBytes bytes, std::uint64_t first) noexcept {
  if (first >= bytes.size() * 8) {
    return;
  }
  bytes[first / 8] &= static_cast<std::byte>((1U << (first % 8)) - 1);
  std::ranges::fill(bytes.subspan(first / 8 + 1), std::byte{0});
}

std::optional<BitRun> next_set_run(Bytes bytes, std::uint64_t from, std::uint64_t end) noexcept {
  const std::uint64_t first = find_other(bytes, from, end, std::byte{0});
  if (first == end) {
    return std::nullopt;
  }
  return BitRun{first, find_other(bytes, first, end, std::byte{0xff}) - first};
}

}  // namespace qchain::format
