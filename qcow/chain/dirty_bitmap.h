#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "qcow/core/bytes.h"
#include "qcow/core/error.h"
#include "qcow/core/range.h"
#include "qcow/format/bitmaps.h"
#include "qcow/storage/storage.h"

namespace qchain {

/// Something that knows which guest ranges are dirty. Not thread-safe.
class DirtySource {
 public:
  DirtySource() = default;
  DirtySource(const DirtySource&) = delete;
  DirtySource& operator=(const DirtySource&) = delete;
  virtual ~DirtySource() = default;

  /// The first dirty range in `guest` (bytes), cut to it; the next one may begin where it ends. Nothing where all is
  /// clean. Errors: io.
  [[nodiscard]] virtual Result<std::optional<Range>> next_dirty(Range guest) = 0;
};

/// The bits of a persistent bitmap, by entry of its table, as an image holds them. Keeps the table: 8 MiB at most.
/// Immutable and thread-safe.
class BitmapData {
 public:
  /// Reads and checks the table. `bitmap` as parse_bitmaps() gave it; storage and header outlive the data.
  /// Errors: corrupt, io.
  [[nodiscard]] static Result<BitmapData> open(const Storage& storage, const format::Header& header,
                                               const format::Bitmap& bitmap);
  /// A bitmap that the image does not have yet: no entries.
  [[nodiscard]] static BitmapData empty(const Storage& storage, const format::Header& header) {
    return {storage, header};
  }

  [[nodiscard]] const std::vector<std::uint64_t>& table() const noexcept { return table_; }
  /// `index` below the table's length, as for read().
  [[nodiscard]] format::BitmapEntry entry(std::uint64_t index) const;
  /// The bits of an entry, into cluster_size() bytes. Errors: io.
  [[nodiscard]] Result<void> read(std::uint64_t index, MutableBytes cluster) const;

 private:
  BitmapData(const Storage& storage, const format::Header& header) : storage_(&storage), header_(&header) {}

  const Storage* storage_;
  const format::Header* header_;
  std::vector<std::uint64_t> table_;  ///< as in the file, each checked
};

/// Walks the dirty ranges of a persistent bitmap. Keeps one cluster of its bits.
class DirtyBitmap final : public DirtySource {
 public:
  /// As BitmapData::open().
  DirtyBitmap(BitmapData data, const format::Header& header, std::uint64_t granularity)
      : data_(std::move(data)), header_(header), granularity_(granularity) {}

  /// Nothing is dirty past the end of the image's own disk.
  [[nodiscard]] Result<std::optional<Range>> next_dirty(Range guest) override;

 private:
  [[nodiscard]] Result<std::optional<Range>> next_stored(std::uint64_t index, Range guest);

  BitmapData data_;
  const format::Header& header_;
  std::uint64_t granularity_;
  std::vector<std::byte> cluster_;
  std::optional<std::uint64_t> cached_;  ///< whose bits cluster_ holds
};

}  // namespace qchain
