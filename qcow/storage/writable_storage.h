#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "qcow/storage/storage.h"
#include "qcow/storage/writable_file.h"

namespace qchain {

/// A storage that is written in place: the seam at which crashes and failing disks are simulated.
/// Reads see earlier writes of the same object. Writes and reads of different ranges may come from several threads at
/// once; resize() and sync() only while no other call is under way. What is written is durable after sync() only, and
/// until then any part of it may be lost, or kept, in units of 512 bytes.
class WritableStorage : public Storage {
 public:
  /// Writes all of `bytes`; past the end the storage grows. Errors: io, no_space, permission.
  [[nodiscard]] virtual Result<void> write(std::uint64_t offset, Bytes bytes) = 0;

  /// write() of pieces that don't overlap, in any order; past the page cache where that gains something.
  [[nodiscard]] virtual Result<void> write_all(std::span<const WritePiece> pieces);

  /// Makes `range` (inside the storage) read as zeros, freeing its space where the file system can. Errors: as write().
  [[nodiscard]] virtual Result<void> zero(Range range) = 0;

  /// Lets `target` share the blocks of `source` from `source_offset` on; all three are multiples of clone_unit().
  /// `impossible` leaves everything as it was. Errors: io, no_space.
  [[nodiscard]] virtual Result<CloneAnswer> clone(const Storage& source, std::uint64_t source_offset, Range target) = 0;

  /// A hint that what the page cache has of `range` is not wanted any more. Nothing is lost.
  virtual void forget_cached(Range range) const noexcept { static_cast<void>(range); }

  /// Bytes, a power of two.
  [[nodiscard]] virtual std::uint64_t clone_unit() const noexcept = 0;

  /// How many pieces the file system keeps `range` in; nothing where it does not say.
  [[nodiscard]] virtual std::optional<std::uint64_t> pieces_in(Range range) const {
    static_cast<void>(range);
    return std::nullopt;
  }

  /// New length in bytes; what is added reads as zeros. Errors: io, no_space; refused (a block device).
  [[nodiscard]] virtual Result<void> resize(std::uint64_t length) = 0;

  /// All that was written before is on stable storage when this returns. Errors: io, no_space.
  [[nodiscard]] virtual Result<void> sync() = 0;
};

using SharedWritable = std::shared_ptr<WritableStorage>;

}  // namespace qchain
