#pragma once

#include <vector>

#include "qcow/chain/dirty_bitmap.h"
#include "qcow/commit/qcow2/growing_file.h"
#include "qcow/commit/qcow2/metadata_clusters.h"
#include "qcow/commit/qcow2/refcounts.h"

namespace qchain::qcow2_base {

using DirtySources = std::vector<DirtySource*>;  ///< none null

/// Writes changed bitmaps to new clusters; what the file refers to stays as it is, so that until the header names the
/// new directory a crash leaves the old bitmaps. Not thread-safe.
class BitmapUpdate {
 public:
  /// All outlive it. `storage`: the file itself, for reading.
  BitmapUpdate(const format::Header& header, const Storage& storage, GrowingFile& file, Refcounts& refcounts,
               MetadataClusters& metadata)
      : header_(header), storage_(storage), file_(file), refcounts_(refcounts), metadata_(metadata) {}

  /// Sets the bits of all that the sources call dirty, and makes the table long enough for the disk as it is now.
  /// `bitmap` has no table yet, or one that BitmapData::open() takes; it names the new one afterwards. Clusters without
  /// changes are shared with the old table. Errors: io, no_space, corrupt.
  [[nodiscard]] Result<void> apply(format::Bitmap& bitmap, const DirtySources& sources);

  /// Writes a directory; its place. Errors: io, no_space.
  [[nodiscard]] Result<Range> write_directory(Bytes directory);

  /// Whether bits past the end of the disk are set: growth would make them count. Errors: io, corrupt.
  [[nodiscard]] Result<bool> has_bits_past_end(const format::Bitmap& bitmap) const;

  /// What the new bitmaps don't refer to any more.
  [[nodiscard]] std::vector<Range>& replaced() noexcept { return replaced_; }

 private:
  [[nodiscard]] Result<BitmapData> data_of(const format::Bitmap& bitmap) const;
  [[nodiscard]] Result<std::uint64_t> update_entry(const BitmapData& before, const format::Bitmap& bitmap,
                                                   std::uint64_t index, const DirtySources& sources);
  [[nodiscard]] Result<bool> set_dirty(Range guest, std::uint64_t granularity, const DirtySources& sources);
  void drop_bits(const BitmapData& before, std::uint64_t index);
  [[nodiscard]] Result<void> move_table(format::Bitmap& bitmap, const std::vector<std::uint64_t>& table);
  [[nodiscard]] Result<Range> put(Bytes bytes);
  [[nodiscard]] std::uint64_t bits_under(const format::Bitmap& bitmap, std::uint64_t index) const noexcept;

  const format::Header& header_;
  const Storage& storage_;
  GrowingFile& file_;
  Refcounts& refcounts_;
  MetadataClusters& metadata_;
  std::vector<Range> replaced_;
  std::vector<std::byte> old_bits_;  ///< of one entry
  std::vector<std::byte> bits_;
};

}  // namespace qchain::qcow2_base
