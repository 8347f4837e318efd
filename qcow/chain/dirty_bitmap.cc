#include "qcow/chain/dirty_bitmap.h"

#include <fmt/format.h>

#include <algorithm>

namespace qchain {

Result<BitmapData> BitmapData::open(const Storage& storage, const format::Header& header,
                                    const format::Bitmap& bitmap) {
  const std::uint64_t size = bitmap.table_entries * sizeof(std::uint64_t);
  if (!fits(bitmap.table_offset, size, storage.size())) {
    return fail(ErrorKind::corrupt, fmt::format("bitmap '{}': its table lies past the end of the file", bitmap.name));
  }
  std::vector<std::byte> bytes(size);
  QC_TRY(storage.read_padded(bitmap.table_offset, bytes));
  BitmapData data(storage, header);
  for (std::uint64_t place = 0; place < size; place += sizeof(std::uint64_t)) {
    const auto raw = load_be<std::uint64_t>(bytes, place);
    const format::BitmapEntry entry = QC_TRY(format::decode_bitmap_entry(header, raw));
    if (entry.offset >= storage.size()) {
      return fail(ErrorKind::corrupt, fmt::format("bitmap '{}': its bits lie past the end of the file", bitmap.name));
    }
    data.table_.push_back(raw);
  }
  return data;
}

format::BitmapEntry BitmapData::entry(std::uint64_t index) const {
  return format::decode_bitmap_entry(*header_, table_[index]).value_or(format::BitmapEntry{});
}

Result<void> BitmapData::read(std::uint64_t index, MutableBytes cluster) const {
  const format::BitmapEntry found = entry(index);
  if (found.bits == format::BitmapBits::stored) {
    return storage_->read_padded(found.offset, cluster);
  }
  std::ranges::fill(cluster, found.bits == format::BitmapBits::ones ? std::byte{0xff} : std::byte{0});
  return {};
}

Result<std::optional<Range>> DirtyBitmap::next_dirty(Range guest) {
  const std::uint64_t span = format::bitmap_entry_span(header_, granularity_);
  const std::uint64_t end = std::min(guest.end(), header_.virtual_size);
  for (std::uint64_t position = guest.start; position < end;) {
    const std::uint64_t index = position / span;
    if (index >= data_.table().size()) {
      break;
    }
    const Range part = range_between(position, std::min(end, (index + 1) * span));
    switch (data_.entry(index).bits) {
      case format::BitmapBits::zeros:
        break;
      case format::BitmapBits::ones:
        return part;
      case format::BitmapBits::stored:
        if (const auto found = QC_TRY(next_stored(index, part))) {
          return found;
        }
        break;
    }
    position = part.end();
  }
  return std::nullopt;
}

/// `guest` lies under the entry.
Result<std::optional<Range>> DirtyBitmap::next_stored(std::uint64_t index, Range guest) {
  if (cached_ != index) {
    cached_.reset();
    cluster_.resize(header_.cluster_size());
    QC_TRY(data_.read(index, cluster_));
    cached_ = index;
  }
  const std::uint64_t start = index * format::bitmap_entry_span(header_, granularity_);
  const std::uint64_t first = (guest.start - start) / granularity_;
  const std::uint64_t end = (guest.end() - start + granularity_ - 1) / granularity_;
  const auto run = format::next_set_run(cluster_, first, end);
  if (!run) {
    return std::nullopt;
  }
  return intersect(guest, {start + run->first * granularity_, run->count * granularity_});
}

}  // namespace qchain
