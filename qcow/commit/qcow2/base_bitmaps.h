#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "qcow/commit/qcow2/bitmap_update.h"
#include "qcow/commit/qcow2/changed_ranges.h"
#include "qcow/commit/qcow2/free_list.h"
#include "qcow/commit/qcow2/qcow2_base_writer.h"
#include "qcow/commit/qcow2/sector_table.h"

namespace qchain::qcow2_base {

/// The persistent bitmaps of the base. Enabled ones record what is written: while the file may be ahead of them they
/// are marked in use there, so that a crash leaves an inconsistent bitmap, never a wrong one; then all changes are
/// written to new clusters, and the header switches to a new directory. Not thread-safe.
class BaseBitmaps {
 public:
  /// All outlive it.
  BaseBitmaps(const format::Header& header, const Qcow2WriterSetup& setup, GrowingFile& file, Refcounts& refcounts,
              MetadataClusters& metadata);

  /// Reads the directory and all tables, tells `metadata` of their clusters, and checks all that writing them again,
  /// and merging, will need. Errors: corrupt, refused, unsupported, limit, io.
  [[nodiscard]] Result<void> learn();
  /// Whether the bitmaps can follow. Errors: limit, unsupported.
  [[nodiscard]] Result<void> check_growth(std::uint64_t size) const;

  /// Before the first write, and before the first one after a switch: marks the recording bitmaps in use. To be synced.
  [[nodiscard]] Result<void> mark_recording();
  /// Before the header says the new size: marks those whose tables are too short for it. To be synced.
  [[nodiscard]] Result<void> mark_short(std::uint64_t size);
  /// Before growth: some bitmaps have bits past the end of the disk, and have to be written first. Errors: io, corrupt.
  [[nodiscard]] Result<bool> must_be_trimmed();

  /// These guest bytes are written to.
  void changed(Range guest);
  /// What was asked to be merged goes in with the next write().
  void merge_all() noexcept { merging_ = !setup_.merges.empty(); }

  /// The file's bitmaps are not what they should be.
  [[nodiscard]] bool has_news() const noexcept;
  /// Writes the bitmaps with all changes, and a directory, to new clusters; the header has to be told.
  [[nodiscard]] Result<format::BitmapsExtension> write();
  /// The header names what write() has written.
  void switched(FreeList& frees);

 private:
  struct Entry {
    format::Bitmap bitmap;  ///< as it shall be: `inconsistent` is what was left in use by others, and stays so
    bool records = false;
    bool marked = false;  ///< in use in the file, by this object
    bool due = false;     ///< to be written anyway: an interrupted run left it in use, or it has bits past the end
  };

  [[nodiscard]] Result<void> read_directory();
  void add(Entry entry);
  [[nodiscard]] Entry entry_of(const format::Bitmap& bitmap) const;
  [[nodiscard]] Result<void> learn_clusters(const Entry& entry, std::uint64_t& room);
  [[nodiscard]] Result<void> learn_range(Range range, std::uint64_t& room);
  [[nodiscard]] Result<void> check_merges() const;
  [[nodiscard]] Result<void> check_merge(const BitmapMerge& merge) const;
  [[nodiscard]] Result<void> check_header_room() const;
  void mark(Entry& entry);
  void add_merged_names();
  [[nodiscard]] bool is_to_be_written(const Entry& entry) const;
  [[nodiscard]] Result<void> write(Entry& entry);

  const format::Header& header_;
  const Qcow2WriterSetup& setup_;
  GrowingFile& file_;
  Refcounts& refcounts_;
  MetadataClusters& metadata_;
  BitmapUpdate update_;
  std::vector<Entry> entries_;                            ///< in the order of the directory
  std::unordered_map<std::string, std::size_t> by_name_;  ///< index in entries_
  std::unordered_map<std::string, std::vector<const BitmapMerge*>> merges_;
  SectorTable directory_;  ///< as in the file
  Range directory_place_;  ///< bytes in the file; empty: there is none
  SectorTable next_directory_;
  Range next_place_;
  ChangedRanges changed_;
  bool records_ = false;  ///< any of them does
  bool merging_ = false;
};

}  // namespace qchain::qcow2_base
