#pragma once

#include <cstdint>
#include <string>

#include "qcow/storage/writable_storage.h"

namespace qchain::qcow2_base {

/// A file that is written past its end, and synced only when something was written since the last time.
/// Not thread-safe.
class GrowingFile {
 public:
  explicit GrowingFile(SharedWritable storage) : storage_(std::move(storage)), end_(storage_->size()) {}

  [[nodiscard]] const std::string& name() const noexcept { return storage_->name(); }
  /// Length with all that was written, in bytes.
  [[nodiscard]] std::uint64_t end() const noexcept { return end_; }
  /// Bytes, or 0 where it can't share blocks with `source`.
  [[nodiscard]] std::uint64_t sharing_unit(const Storage& source) const noexcept {
    return source.identity().device == storage_->identity().device ? clone_unit() : 0;
  }
  [[nodiscard]] std::uint64_t clone_unit() const noexcept { return storage_->clone_unit(); }

  /// Zeros past the end. Errors: io.
  [[nodiscard]] Result<void> read(std::uint64_t offset, MutableBytes into) const {
    return storage_->read_padded(offset, into);
  }
  [[nodiscard]] Result<void> write(std::uint64_t offset, Bytes bytes);
  /// Makes `range` read as zeros and be inside of the file.
  [[nodiscard]] Result<void> zero(Range range);
  /// Gives back the space of what of `range` is inside of the file; it reads as zeros.
  [[nodiscard]] Result<void> discard(Range range);
  [[nodiscard]] Result<CloneAnswer> clone(const Storage& source, std::uint64_t source_offset, Range target);
  /// How often it was written to; tells whether something has been written meanwhile.
  [[nodiscard]] std::uint64_t writes() const noexcept { return writes_; }
  /// Makes the file `length` bytes long unless it is longer.
  [[nodiscard]] Result<void> extend(std::uint64_t length);
  [[nodiscard]] Result<void> sync();

 private:
  SharedWritable storage_;
  std::uint64_t end_;
  std::uint64_t writes_ = 0;
  std::uint64_t synced_writes_ = 0;
};

}  // namespace qchain::qcow2_base
