#pragma once

#include <optional>

#include "qcow/bulk/past_cache.h"
#include "qcow/storage/cache_use.h"

namespace qchain {

/// Neighbours in one file, to be read in one go.
struct StoredBatch {
  Extents parts;                  ///< in the order of the file, all data or one compressed; guest ranges don't overlap
  SharedStorage past;             ///< what data is read from instead of the layer's storage; may be null
  Range stored;                   ///< bytes of the layer's data storage that hold the parts; empty: compressed
  const Storage* file = nullptr;  ///< that storage
};

/// Cuts extents into batches, in the order in which they lie in the files. Not thread-safe.
class StoredBatches {
 public:
  /// Bytes of one batch, at the most.
  static constexpr std::uint64_t batch_size = std::uint64_t{1} << 20;

  /// `extents`: data and compressed, of this view, which outlives the object. What is to be taken from the page cache
  /// has been taken out of them (take_cached()): unless it is to be kept, all is read past it. `past`: what is read
  /// from then; null: files are opened as they come.
  StoredBatches(const View& view, Extents extents, CacheUse cache, const PastCache* past = nullptr);
  [[nodiscard]] std::optional<StoredBatch> next();
  /// How many batches there are at the most.
  [[nodiscard]] std::size_t bound() const noexcept { return bound_; }

 private:
  [[nodiscard]] const Storage& file_of(const Extent& extent) const;
  [[nodiscard]] Extent take(std::uint64_t length);
  void enter(const Storage& file);
  [[nodiscard]] SharedStorage past_cache_of(const Storage& file) const;

  const View& view_;
  Extents extents_;  ///< by file and place
  CacheUse cache_;
  const PastCache* opened_;  ///< may be null
  std::size_t bound_ = 0;
  std::size_t used_ = 0;  ///< extents_[used_] is the next one; its front may be gone
  const Storage* current_ = nullptr;
  SharedStorage past_;  ///< of current_
};

}  // namespace qchain
