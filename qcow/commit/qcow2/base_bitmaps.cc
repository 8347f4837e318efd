#include "qcow/commit/qcow2/base_bitmaps.h"

#include <algorithm>
#include <memory>
#include <ranges>

namespace qchain::qcow2_base {

BaseBitmaps::BaseBitmaps(const format::Header& header, const Qcow2WriterSetup& setup, GrowingFile& file,
                         Refcounts& refcounts, MetadataClusters& metadata)
    : header_(header),
      setup_(setup),
      file_(file),
      refcounts_(refcounts),
      metadata_(metadata),
      update_(header, *setup.file, file, refcounts, metadata),
      directory_({}),
      next_directory_({}) {
  for (const BitmapMerge& merge : setup.merges) {
    merges_[merge.bitmap.name].push_back(&merge);
  }
}

void BaseBitmaps::add(Entry entry) {
  by_name_[entry.bitmap.name] = entries_.size();
  entries_.push_back(std::move(entry));
}

Result<void> BaseBitmaps::mark_recording() {
  for (Entry& entry : entries_) {
    if (entry.records) {
      mark(entry);
    }
  }
  return directory_.write_changed(file_, directory_place_.start);
}

Result<void> BaseBitmaps::mark_short(std::uint64_t size) {
  for (Entry& entry : entries_) {
    const std::uint64_t needed = format::bitmap_entries_for(header_, entry.bitmap.granularity, size);
    if (!entry.bitmap.inconsistent && needed > entry.bitmap.table_entries) {
      mark(entry);
    }
  }
  return directory_.write_changed(file_, directory_place_.start);
}

/// Also where the file says so already: an interrupted run's mark may not be durable.
void BaseBitmaps::mark(Entry& entry) {
  if (entry.marked) {
    return;
  }
  entry.marked = true;
  format::Bitmap in_use = entry.bitmap;
  in_use.inconsistent = true;
  const MutableBytes flags = directory_.edit(format::bitmap_flags_place(in_use), sizeof(std::uint32_t));
  store_be(flags, 0, format::bitmap_flags(in_use));
}

Result<bool> BaseBitmaps::must_be_trimmed() {
  bool any = false;
  for (Entry& entry : entries_) {
    if (!entry.bitmap.inconsistent && QC_TRY(update_.has_bits_past_end(entry.bitmap))) {
      entry.due = any = true;
    }
  }
  return any;
}

void BaseBitmaps::changed(Range guest) {
  if (records_) {
    changed_.add(guest);
  }
}

bool BaseBitmaps::has_news() const noexcept {
  return merging_ || std::ranges::any_of(entries_, [](const Entry& entry) { return entry.marked || entry.due; });
}

/// Bitmaps that the base does not have come from the highest layer that has them: what a guest saw last.
void BaseBitmaps::add_merged_names() {
  for (const BitmapMerge& merge : std::views::reverse(setup_.merges)) {
    if (!by_name_.contains(merge.bitmap.name)) {
      Entry added;
      added.bitmap.name = merge.bitmap.name;
      added.bitmap.granularity = merge.bitmap.granularity;
      added.bitmap.enabled = merge.bitmap.enabled;
      add(std::move(added));
    }
  }
}

bool BaseBitmaps::is_to_be_written(const Entry& entry) const {
  return entry.marked || entry.due || (merging_ && merges_.contains(entry.bitmap.name));
}

Result<format::BitmapsExtension> BaseBitmaps::write() {
  if (merging_) {
    add_merged_names();
  }
  std::vector<format::Bitmap> bitmaps;
  for (Entry& entry : entries_) {
    if (is_to_be_written(entry)) {
      QC_TRY(write(entry));
    }
    bitmaps.push_back(entry.bitmap);
  }
  next_directory_ = SectorTable(format::encode_bitmap_directory(bitmaps));
  next_place_ = {QC_TRY(update_.write_directory(next_directory_.bytes())).start, next_directory_.bytes().size()};
  for (std::size_t i = 0; i < bitmaps.size(); ++i) {
    entries_[i].bitmap.entry_offset = bitmaps[i].entry_offset;
  }
  return format::BitmapsExtension{.count = static_cast<std::uint32_t>(bitmaps.size()),
                                  .directory_size = next_place_.length,
                                  .directory_offset = next_place_.start};
}

Result<void> BaseBitmaps::write(Entry& entry) {
  std::vector<std::unique_ptr<DirtySource>> merged;
  DirtySources sources;
  if (entry.records) {
    sources.push_back(&changed_);
  }
  if (const auto found = merges_.find(entry.bitmap.name); merging_ && found != merges_.end()) {
    for (const BitmapMerge* merge : found->second) {
      const format::Header& header = *merge->image->header();
      BitmapData data = QC_TRY(BitmapData::open(merge->image->storage(), header, merge->bitmap));
      merged.push_back(std::make_unique<DirtyBitmap>(std::move(data), header, merge->bitmap.granularity));
      sources.push_back(merged.back().get());
    }
  }
  return update_.apply(entry.bitmap, sources);
}

void BaseBitmaps::switched(FreeList& frees) {
  if (!directory_place_.empty()) {
    frees.unsynced.push_back(directory_place_);
  }
  std::ranges::copy(std::exchange(update_.replaced(), {}), std::back_inserter(frees.unsynced));
  directory_ = std::exchange(next_directory_, SectorTable({}));
  directory_place_ = next_place_;
  for (Entry& entry : entries_) {
    entry.marked = entry.due = false;
  }
  changed_.forget();
  merging_ = false;
}

}  // namespace qchain::qcow2_base
