// BaseBitmaps: what is in the file when it is opened, and whether all can be done that may be asked for.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "qcow/chain/qcow2_image.h"
#include "qcow/commit/qcow2/base_bitmaps.h"
#include "qcow/format/bitmaps_switch.h"

namespace qchain::qcow2_base {
namespace {

constexpr std::uint64_t table_entry_size = sizeof(std::uint64_t);

std::unexpected<Error> cannot_hold(ErrorKind kind, const format::Bitmap& bitmap, std::string_view why,
                                   std::string_view advice = "say --bitmaps=drop if it may go") {
  return std::unexpected(
      make_error(kind, fmt::format("bitmap '{}' cannot be merged into it: {}", bitmap.name, why)).advise(advice));
}

}  // namespace

Result<void> BaseBitmaps::learn() {
  QC_TRY(read_directory());
  std::uint64_t granularity = UINT64_MAX;
  std::uint64_t room = align_up(file_.end(), header_.cluster_size());  // clusters that don't overlap fit the file
  for (const Entry& entry : entries_) {
    if (auto learnt = learn_clusters(entry, room); !learnt && !entry.bitmap.inconsistent) {
      return std::unexpected(
          std::move(learnt).error().advise("run `qemu-img check` on it, or remove it with `qemu-img bitmap --remove`"));
    }
    granularity = entry.records ? std::min(granularity, entry.bitmap.granularity) : granularity;
  }
  records_ = granularity != UINT64_MAX;
  if (records_) {
    changed_.start(granularity);
    QC_TRY(check_header_room());
  }
  return check_merges();
}

Result<void> BaseBitmaps::read_directory() {
  if (!header_.bitmaps) {
    return {};
  }
  directory_place_ = {header_.bitmaps->directory_offset, header_.bitmaps->directory_size};
  for (const format::Bitmap& bitmap : QC_TRY(Qcow2Image(header_, setup_.file, setup_.data_file).bitmaps())) {
    add(entry_of(bitmap));
  }
  std::vector<std::byte> bytes(directory_place_.length);
  QC_TRY(file_.read(directory_place_.start, bytes));
  directory_ = SectorTable(std::move(bytes));
  std::uint64_t room = UINT64_MAX;
  return learn_range(directory_place_, room);
}

BaseBitmaps::Entry BaseBitmaps::entry_of(const format::Bitmap& bitmap) const {
  Entry entry{.bitmap = bitmap};
  bool is_kept = !bitmap.inconsistent;
  if (setup_.own_bitmaps) {
    const bool was_there = setup_.own_bitmaps->contains(bitmap.name);
    entry.bitmap.inconsistent = bitmap.inconsistent && !was_there;
    entry.due = bitmap.inconsistent && was_there;
    is_kept = was_there;  // others were merged in by an interrupted run: they don't record this commit
  }
  entry.records = is_kept && bitmap.enabled;
  return entry;
}

Result<void> BaseBitmaps::learn_clusters(const Entry& entry, std::uint64_t& room) {
  const BitmapData data = QC_TRY(BitmapData::open(*setup_.file, header_, entry.bitmap));
  QC_TRY(learn_range({entry.bitmap.table_offset, entry.bitmap.table_entries * table_entry_size}, room));
  for (std::uint64_t index = 0; index < data.table().size(); ++index) {
    if (data.entry(index).bits == format::BitmapBits::stored) {
      QC_TRY(learn_range({data.entry(index).offset, header_.cluster_size()}, room));
    }
  }
  return {};
}

/// `room`: bytes that are left for metadata.
Result<void> BaseBitmaps::learn_range(Range range, std::uint64_t& room) {
  if (range.length > room) {
    return fail(ErrorKind::corrupt, "bitmaps overlap");
  }
  room -= range.length;
  const auto [first, last] = clusters_of(range, header_.cluster_bits);
  for (std::uint64_t cluster = first; cluster <= last; ++cluster) {
    if (QC_TRY(refcounts_.get(cluster)) == 0) {
      return fail(ErrorKind::corrupt, fmt::format("bitmap cluster {:#x} is in use, but its refcount is 0", cluster));
    }
  }
  metadata_.know(range);
  return {};
}

Result<void> BaseBitmaps::check_growth(std::uint64_t size) const {
  for (const Entry& entry : entries_) {
    const std::uint64_t needed = format::bitmap_entries_for(header_, entry.bitmap.granularity, size);
    if (!entry.bitmap.inconsistent && needed > format::max_bitmap_entries(header_)) {
      return std::unexpected(make_error(ErrorKind::limit, fmt::format("bitmap '{}' cannot grow to a disk of {} bytes",
                                                                      entry.bitmap.name, size))
                                 .advise("remove it with `qemu-img bitmap --remove`"));
    }
  }
  return entries_.empty() ? Result<void>{} : check_header_room();
}

Result<void> BaseBitmaps::check_header_room() const {
  std::vector<std::byte> cluster(header_.cluster_size());
  QC_TRY(file_.read(0, cluster));
  QC_TRY(format::switch_bitmaps(cluster, {.count = 1, .directory_size = 1, .directory_offset = 0}));
  return {};
}

Result<void> BaseBitmaps::check_merges() const {
  std::set<std::string> names;
  std::uint64_t directory_size = directory_place_.length;
  for (const BitmapMerge& merge : setup_.merges) {
    QC_TRY(check_merge(merge));
    if (!by_name_.contains(merge.bitmap.name) && names.insert(merge.bitmap.name).second) {
      format::Bitmap added = merge.bitmap;
      directory_size += format::encode_bitmap_directory({&added, 1}).size();
    }
    if (names.size() + entries_.size() > format::max_bitmaps || directory_size > format::max_bitmap_directory_bytes) {
      return cannot_hold(ErrorKind::limit, merge.bitmap, "it would have too many bitmaps");
    }
  }
  return setup_.merges.empty() ? Result<void>{} : check_header_room();
}

Result<void> BaseBitmaps::check_merge(const BitmapMerge& merge) const {
  if (header_.version < 3) {
    return cannot_hold(ErrorKind::unsupported, merge.bitmap, "a version 2 image has no bitmaps",
                       "make it version 3 with `qemu-img amend -o compat=1.1`, or say --bitmaps=drop if it may go");
  }
  const auto found = by_name_.find(merge.bitmap.name);
  const Entry* const target = found == by_name_.end() ? nullptr : &entries_[found->second];
  if (target != nullptr && target->bitmap.inconsistent) {
    return cannot_hold(ErrorKind::refused, merge.bitmap, "the one there is inconsistent",
                       "remove that with `qemu-img bitmap --remove`, or say --bitmaps=drop");
  }
  const std::uint64_t granularity = target != nullptr ? target->bitmap.granularity : merge.bitmap.granularity;
  const std::uint64_t size = std::max(header_.virtual_size, setup_.grows_to);
  if (format::bitmap_entries_for(header_, granularity, size) > format::max_bitmap_entries(header_)) {
    return cannot_hold(ErrorKind::limit, merge.bitmap, "it would be too large for its clusters");
  }
  QC_TRY_IN(merge.image->storage().name(),
            BitmapData::open(merge.image->storage(), *merge.image->header(), merge.bitmap));
  return {};
}

}  // namespace qchain::qcow2_base
