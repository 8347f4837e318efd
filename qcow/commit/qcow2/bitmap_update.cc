#include "qcow/commit/qcow2/bitmap_update.h"

#include <algorithm>
#include <functional>

namespace qchain::qcow2_base {
namespace {

constexpr std::uint64_t table_entry_size = sizeof(std::uint64_t);

std::uint64_t raw_at(const std::vector<std::uint64_t>& table, std::uint64_t index) noexcept {
  return index < table.size() ? table[index] : 0;
}

}  // namespace

Result<BitmapData> BitmapUpdate::data_of(const format::Bitmap& bitmap) const {
  return bitmap.table_entries == 0 ? BitmapData::empty(storage_, header_) : BitmapData::open(storage_, header_, bitmap);
}

Result<void> BitmapUpdate::apply(format::Bitmap& bitmap, const DirtySources& sources) {
  const BitmapData before = QC_TRY(data_of(bitmap));
  const std::uint64_t needed = format::bitmap_entries_for(header_, bitmap.granularity, header_.virtual_size);
  std::vector<std::uint64_t> table(needed);
  for (std::uint64_t index = 0; index < needed; ++index) {
    table[index] = QC_TRY(update_entry(before, bitmap, index, sources));
  }
  for (std::uint64_t index = needed; index < before.table().size(); ++index) {
    drop_bits(before, index);  // past the end of the disk
  }
  return table == before.table() ? Result<void>{} : move_table(bitmap, table);
}

/// The entry as it shall be in the table.
Result<std::uint64_t> BitmapUpdate::update_entry(const BitmapData& before, const format::Bitmap& bitmap,
                                                 std::uint64_t index, const DirtySources& sources) {
  const std::uint64_t raw = raw_at(before.table(), index);
  const std::uint64_t span = format::bitmap_entry_span(header_, bitmap.granularity);
  const Range guest = intersect({index * span, span}, {0, header_.virtual_size});
  bits_.assign(header_.cluster_size(), std::byte{0});
  const bool changes = QC_TRY(set_dirty(guest, bitmap.granularity, sources));
  const bool is_last = guest.end() == header_.virtual_size;
  if (!changes && (!is_last || raw == 0)) {
    return raw;
  }
  old_bits_.assign(header_.cluster_size(), std::byte{0});
  if (index < before.table().size()) {
    QC_TRY(before.read(index, old_bits_));
  }
  std::ranges::transform(bits_, old_bits_, bits_.begin(), std::bit_or{});
  // Bits past the end would count as soon as the disk grows.
  format::clear_bits_from(bits_, bits_under(bitmap, index));
  if (bits_ == old_bits_) {
    return raw;
  }
  drop_bits(before, index);
  return is_zero(bits_) ? 0 : QC_TRY(put(bits_)).start;
}

void BitmapUpdate::drop_bits(const BitmapData& before, std::uint64_t index) {
  if (index < before.table().size() && before.entry(index).bits == format::BitmapBits::stored) {
    replaced_.push_back({before.entry(index).offset, header_.cluster_size()});
  }
}

/// Sets in bits_, which begin with `guest`, all that any source has; whether there is any.
Result<bool> BitmapUpdate::set_dirty(Range guest, std::uint64_t granularity, const DirtySources& sources) {
  bool found = false;
  for (DirtySource* source : sources) {
    for (Range rest = guest; !rest.empty();) {
      const auto dirty = QC_TRY(source->next_dirty(rest));
      if (!dirty) {
        break;
      }
      const std::uint64_t first = (dirty->start - guest.start) / granularity;
      const std::uint64_t last = (dirty->end() - 1 - guest.start) / granularity;
      format::set_bits(bits_, {first, last - first + 1});
      found = true;
      rest = range_between(dirty->end(), guest.end());
    }
  }
  return found;
}

/// Bits of an entry that lie on the disk.
std::uint64_t BitmapUpdate::bits_under(const format::Bitmap& bitmap, std::uint64_t index) const noexcept {
  const std::uint64_t span = format::bitmap_entry_span(header_, bitmap.granularity);
  const Range guest = intersect({index * span, span}, {0, header_.virtual_size});
  return (guest.length + bitmap.granularity - 1) / bitmap.granularity;
}

Result<bool> BitmapUpdate::has_bits_past_end(const format::Bitmap& bitmap) const {
  const BitmapData data = QC_TRY(data_of(bitmap));
  const std::uint64_t last = format::bitmap_entries_for(header_, bitmap.granularity, header_.virtual_size) - 1;
  if (last >= data.table().size()) {
    return false;  // an interrupted run has let the disk grow; the bitmap is still to follow
  }
  const bool is_longer = std::any_of(data.table().begin() + static_cast<std::ptrdiff_t>(last) + 1, data.table().end(),
                                     [](std::uint64_t raw) { return raw != 0; });
  std::vector<std::byte> bits(header_.cluster_size());
  QC_TRY(data.read(last, bits));
  const std::uint64_t count = bits_under(bitmap, last);
  return is_longer || format::next_set_run(bits, count, bits.size() * 8).has_value();
}

Result<void> BitmapUpdate::move_table(format::Bitmap& bitmap, const std::vector<std::uint64_t>& table) {
  std::vector<std::byte> bytes(table.size() * table_entry_size);
  for (std::size_t i = 0; i < table.size(); ++i) {
    store_be(bytes, i * table_entry_size, table[i]);
  }
  if (bitmap.table_entries != 0) {
    replaced_.push_back({bitmap.table_offset, bitmap.table_entries * table_entry_size});
  }
  bitmap.table_offset = QC_TRY(put(bytes)).start;
  bitmap.table_entries = static_cast<std::uint32_t>(table.size());
  return {};
}

Result<Range> BitmapUpdate::write_directory(Bytes directory) {
  return put(directory);
}

/// Into new clusters, which nothing refers to yet.
Result<Range> BitmapUpdate::put(Bytes bytes) {
  std::vector<std::byte> clusters(bytes.begin(), bytes.end());
  clusters.resize(align_up(bytes.size(), header_.cluster_size()));
  const Range place = QC_TRY(refcounts_.reserve(clusters.size() >> header_.cluster_bits));
  metadata_.add(place);
  QC_TRY(file_.write(place.start, clusters));
  return place;
}

}  // namespace qchain::qcow2_base
