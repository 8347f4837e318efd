#include "qcow/chain/qcow2_image.h"

#include <algorithm>
#include <array>
#include <vector>

#include "qcow/format/inflate.h"
#include "qcow/format/l2.h"

namespace qchain {

namespace {

constexpr std::uint64_t widest_entry = 16;

ExtentKind kind_of(format::Allocation allocation) noexcept {
  switch (allocation) {
    case format::Allocation::data:
      return ExtentKind::data;
    case format::Allocation::zero:
      return ExtentKind::zero;
    case format::Allocation::compressed:
      return ExtentKind::compressed;
    case format::Allocation::invalid:
      return ExtentKind::broken;
    case format::Allocation::unallocated:
      break;
  }
  return ExtentKind::hole;
}

/// An extent over all of `cluster` for an entry, or for a run of its subclusters.
Extent extent_of(const format::L2Entry& entry, format::Allocation allocation, Range part, Range cluster) noexcept {
  Extent extent{.start = part.start, .length = part.length, .kind = kind_of(allocation), .fault = entry.fault};
  if (allocation == format::Allocation::compressed) {
    extent.offset = entry.compressed.offset;
    extent.packed_size = static_cast<std::uint32_t>(entry.compressed.size);
  } else if (entry.has_host_offset &&
             (allocation == format::Allocation::data || allocation == format::Allocation::zero)) {
    extent.offset = entry.host_offset + (part.start - cluster.start);
  }
  return extent;
}

Extent broken(Range range, format::Fault fault) noexcept {
  return {.start = range.start, .length = range.length, .kind = ExtentKind::broken, .fault = fault};
}

/// Whether a cluster at `offset` is missing as a whole. QEMU leaves the last one short, but never writes an entry for
/// one of which nothing is there; it would read zeros, which here is damage, as it is to `qemu-img check`.
bool is_past_end(const Storage& storage, std::uint64_t offset) noexcept {
  return offset >= storage.size();
}

Extent unallocated(Range range) noexcept {
  return {.start = range.start, .length = range.length};
}

/// How many of the first entries are all zeros: clusters that the image does not have, whatever its features.
std::uint64_t leading_zeros(Bytes entries, std::uint64_t entry_size) noexcept {
  std::uint64_t count = 0;
  while (!entries.empty() && is_zero(entries.first(entry_size))) {
    entries = entries.subspan(entry_size);
    ++count;
  }
  return count;
}

}  // namespace

Qcow2Image::Qcow2Image(format::Header header, SharedStorage storage, SharedStorage data_file)
    : header_(std::move(header)), storage_(std::move(storage)), data_file_(std::move(data_file)) {}

void Qcow2Image::map(Range range, std::size_t limit, Extents& out) const {
  const std::size_t stop = limit > SIZE_MAX - out.size() ? SIZE_MAX : out.size() + limit;
  std::uint64_t position = range.start;
  while (position < range.end() && out.size() < stop) {
    const auto window = l1_window(position / header_.l1_entry_span());
    position = map_window(*window, range_between(position, range.end()), stop, out);
  }
}

std::uint64_t Qcow2Image::will_map(Range range, std::uint64_t most) const {
  if (range.length <= map_unit()) {
    return range.end();  // a read or a few tell of it
  }
  const std::uint64_t span = header_.l1_entry_span();
  const auto window = l1_window(range.start / span);
  std::uint64_t position = range.start;
  while (position < range.end() && most >= header_.l2_entry_size() && window->holds(position / span)) {
    Range part{position, std::min(span - position % span, range.end() - position)};
    if (const auto table = format::decode_l1(header_, window->entries[position / span - window->first]).table_offset) {
      Range entries = entries_of(table, part);
      entries.length = std::min(entries.length, align_down(most, header_.l2_entry_size()));
      const std::uint64_t clusters = entries.length / header_.l2_entry_size();
      part = intersect(part, {align_down(position, cluster_size()), clusters << header_.cluster_bits});
      storage_->will_need(entries);
      most -= entries.length;
    }
    position = part.end();
  }
  return position;
}

std::shared_ptr<const Qcow2Image::L1Window> Qcow2Image::l1_window(std::uint64_t index) const {
  {
    const std::scoped_lock lock(l1_mutex_);
    if (l1_window_ && l1_window_->holds(index)) {
      return l1_window_;
    }
  }
  auto window = read_l1_window(index);
  if (window->readable) {  // else it may be the next time
    const std::scoped_lock lock(l1_mutex_);
    l1_window_ = window;
  }
  return window;
}

std::shared_ptr<const Qcow2Image::L1Window> Qcow2Image::read_l1_window(std::uint64_t index) const {
  auto window = std::make_shared<L1Window>();
  window->first = align_down(index, L1Window::capacity);
  // parse_header has checked that the table covers the virtual size, so `index` is inside.
  window->count = std::min(L1Window::capacity, header_.l1_entries - window->first);
  const auto bytes = std::as_writable_bytes(std::span(window->entries)).first(window->count * sizeof(std::uint64_t));
  window->readable =
      storage_->read_padded(header_.l1_offset + window->first * sizeof(std::uint64_t), bytes).has_value();
  for (std::size_t i = 0; i < window->count; ++i) {
    window->entries[i] = load_be<std::uint64_t>(bytes, i * sizeof(std::uint64_t));
  }
  return window;
}

/// Entries of the L1 table up to the end of the cluster in which the file ends.
std::uint64_t Qcow2Image::l1_entries_there() const noexcept {
  const std::uint64_t end = align_up(storage_->size(), cluster_size());
  return end > header_.l1_offset ? (end - header_.l1_offset) / sizeof(std::uint64_t) : 0;
}

/// Maps what of `range` lies under the window's entries; the guest offset reached.
std::uint64_t Qcow2Image::map_window(const L1Window& window, Range range, std::size_t stop, Extents& out) const {
  const std::uint64_t span = header_.l1_entry_span();
  std::uint64_t position = range.start;
  while (position < range.end() && out.size() < stop) {
    const std::uint64_t index = position / span;
    if (!window.holds(index)) {
      break;
    }
    // The last table's span may pass 2^64; it is cut by the range, which does not.
    const std::uint64_t left = span - position % span;
    const Range part{position, std::min(left, range.end() - position)};
    const auto entry = format::decode_l1(header_, window.entries[index - window.first]);
    if (!window.readable) {
      append(out, broken(part, format::Fault::unreadable));
    } else if (index >= l1_entries_there()) {
      append(out, broken(part, format::Fault::l1_past_end));
    } else if (entry.table_offset != 0 && is_past_end(*storage_, entry.table_offset)) {
      append(out, broken(part, format::Fault::table_past_end));
    } else if (entry.fault != format::Fault::none) {
      append(out, broken(part, entry.fault));
    } else if (entry.table_offset == 0) {
      append(out, unallocated(part));
    } else {
      map_table(entry.table_offset, part, stop, out);
      position = out.back().end();
      continue;
    }
    position = part.end();
  }
  return position;
}

/// Where the entries for a range are that lies under one L2 table.
Range Qcow2Image::entries_of(std::uint64_t table_offset, Range range) const noexcept {
  const std::uint64_t first_cluster = range.start >> header_.cluster_bits;
  const std::uint64_t count = ((range.end() - 1) >> header_.cluster_bits) - first_cluster + 1;
  const std::uint64_t index = first_cluster & (header_.l2_entries() - 1);
  return {table_offset + index * header_.l2_entry_size(), count * header_.l2_entry_size()};
}

/// Maps a range that lies under one L2 table.
void Qcow2Image::map_table(std::uint64_t table_offset, Range range, std::size_t stop, Extents& out) const {
  std::uint64_t position = range.start;
  while (position < range.end() && out.size() < stop) {
    position = map_entries(table_offset, range_between(position, range.end()), stop, out);
  }
}

/// Maps the clusters of one read of L2 entries; the guest offset reached.
std::uint64_t Qcow2Image::map_entries(std::uint64_t table_offset, Range range, std::size_t stop, Extents& out) const {
  const std::uint64_t entry_size = header_.l2_entry_size();
  const std::uint64_t first_cluster = range.start >> header_.cluster_bits;
  const Range entries = entries_of(table_offset, range);
  const std::uint64_t count = std::min(entries_at_once, entries.length / entry_size);

  std::array<std::byte, entries_at_once * widest_entry> buffer;
  const auto bytes = MutableBytes(buffer).first(count * entry_size);
  if (!storage_->read_padded(entries.start, bytes)) {
    const std::uint64_t end = std::min(range.end(), (first_cluster + count) << header_.cluster_bits);
    append(out, broken(range_between(range.start, end), format::Fault::unreadable));
    return end;
  }
  for (std::uint64_t i = 0; i < count && out.size() < stop; ++i) {
    if (const std::uint64_t none = leading_zeros(bytes.subspan(i * entry_size), entry_size); none > 0) {
      const Range absent{(first_cluster + i) << header_.cluster_bits, none << header_.cluster_bits};
      append(out, unallocated(intersect(absent, range)));
      i += none - 1;
      continue;
    }
    const Range cluster{(first_cluster + i) << header_.cluster_bits, header_.cluster_size()};
    const auto raw = load_be<std::uint64_t>(bytes, i * entry_size);
    const auto bitmap = entry_size == widest_entry ? load_be<std::uint64_t>(bytes, i * entry_size + 8) : 0;
    map_cluster(format::decode_l2(header_, raw, bitmap, cluster.start), cluster, range, out);
  }
  return out.back().end();
}

/// An extent over `part` of `cluster`: broken where the stored bytes are not there.
Extent Qcow2Image::part_of(const format::L2Entry& entry, format::Allocation allocation, Range part,
                           Range cluster) const noexcept {
  const bool is_packed = allocation == format::Allocation::compressed;
  const bool is_missing =
      is_packed ? is_past_end(*storage_, entry.compressed.offset)
                : allocation == format::Allocation::data && is_past_end(data_storage(), entry.host_offset);
  return is_missing ? broken(part, format::Fault::cluster_past_end) : extent_of(entry, allocation, part, cluster);
}

void Qcow2Image::map_cluster(const format::L2Entry& entry, Range cluster, Range range, Extents& out) const {
  if (entry.per_subcluster) {
    map_subclusters(entry, cluster, range, out);
  } else {
    append(out, clip(part_of(entry, entry.allocation, cluster, cluster), range));
  }
}

void Qcow2Image::map_subclusters(const format::L2Entry& entry, Range cluster, Range range, Extents& out) const {
  const std::uint64_t unit = header_.allocation_unit();
  for (std::uint32_t first = 0; first < format::subclusters_per_cluster;) {
    const auto run = format::subcluster_run(entry, first);
    const Range part{cluster.start + first * unit, run.count * unit};
    if (!intersect(part, range).empty()) {
      append(out, clip(part_of(entry, run.allocation, part, cluster), range));
    }
    first += run.count;
  }
}

Result<void> Qcow2Image::inflate(const Extent& extent, MutableBytes cluster) const {
  std::vector<std::byte> packed(extent.packed_size);
  // QEMU pads what lies past the end of the file with zeros: the last stream may name more sectors than there are.
  QC_TRY(storage_->read_padded(extent.offset, packed));
  QC_TRY_IN(storage_->name(), format::inflate(header_.compression, packed, cluster));
  return {};
}

Result<std::vector<format::Snapshot>> Qcow2Image::snapshots() const {
  if (header_.snapshot_count == 0 || header_.snapshots_offset >= storage_->size()) {
    return format::parse_snapshots(header_, {});
  }
  const std::uint64_t there = storage_->size() - header_.snapshots_offset;
  std::vector<std::byte> table(std::min(there, format::max_snapshot_table_bytes));
  QC_TRY(storage_->read_padded(header_.snapshots_offset, table));
  return QC_TRY_IN(storage_->name(), format::parse_snapshots(header_, table));
}

Result<std::vector<format::Bitmap>> Qcow2Image::bitmaps() const {
  if (!header_.bitmaps) {
    return {};
  }
  const auto& extension = *header_.bitmaps;
  if (!fits(extension.directory_offset, extension.directory_size, storage_->size())) {
    return std::unexpected(make_error(ErrorKind::corrupt, "bitmap directory lies past the end of the file")
                               .in(storage_->name())
                               .at(extension.directory_offset));
  }
  std::vector<std::byte> directory(extension.directory_size);
  QC_TRY(storage_->read_padded(extension.directory_offset, directory));
  return QC_TRY_IN(storage_->name(), format::parse_bitmaps(header_, directory));
}

}  // namespace qchain
