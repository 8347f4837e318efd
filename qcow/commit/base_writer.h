#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "qcow/core/bytes.h"
#include "qcow/core/error.h"
#include "qcow/core/range.h"
#include "qcow/storage/storage.h"
#include "qcow/storage/writable_file.h"

namespace qchain {

/// Guest bytes whose blocks a layer's file can give to the base.
struct SharedRun {
  const Storage* source = nullptr;  ///< never null
  std::uint64_t source_offset = 0;
  Range guest;
};

/// Writes guest bytes into the base of a commit, whatever its format. The overlays above mask what is being written, so
/// every call may be repeated after a crash, and a crash between two calls leaves an image that QEMU opens without
/// corruption (leaked clusters at the most).
/// Guest ranges of one run don't overlap. Called from one thread. After an error no further call but destruction.
class BaseWriter {
 public:
  BaseWriter() = default;
  BaseWriter(const BaseWriter&) = delete;
  BaseWriter& operator=(const BaseWriter&) = delete;
  virtual ~BaseWriter() = default;

  /// Guest bytes.
  [[nodiscard]] virtual std::uint64_t size() const noexcept = 0;

  /// Makes the disk `size` guest bytes long (never shorter, a multiple of 512). What is added reads as zeros, also
  /// where the base's own backing file is longer. Errors: io, no_space, unsupported, refused.
  [[nodiscard]] virtual Result<void> grow(std::uint64_t size) = 0;

  /// Errors: io, no_space, corrupt (metadata that can't be trusted).
  [[nodiscard]] virtual Result<void> write(std::uint64_t guest_offset, Bytes bytes) = 0;

  /// write() of many pieces, of ranges that don't overlap.
  [[nodiscard]] virtual Result<void> write_all(std::span<const WritePiece> pieces) {
    for (const WritePiece& piece : pieces) {
      QC_TRY(write(piece.offset, piece.bytes));
    }
    return {};
  }

  /// Whether write() and write_all() may be called by several threads at once, and loses nothing by an order other than
  /// that of the guest offsets. Else it should be called in that order.
  [[nodiscard]] virtual bool takes_any_order() const noexcept { return false; }

  /// Shares the blocks of `source` instead of copying. `impossible`: nothing happened, write() it.
  [[nodiscard]] virtual Result<CloneAnswer> clone(const Storage& source, std::uint64_t source_offset, Range guest) = 0;

  /// What guest ranges and places in `source` have to be multiples of, so that its blocks can be shared: a power of
  /// two, or 0 where they never can. Asks no file system: clone() may answer `impossible` all the same.
  [[nodiscard]] virtual std::uint64_t sharing_unit(const Storage& source) const noexcept = 0;

  /// Shares the blocks of many runs, which ascend by guest offset, in any order. Until it returns, and with every
  /// answer but `cloned`, what these ranges hold is undefined: write() them then. Errors: io, no_space.
  [[nodiscard]] virtual Result<CloneAnswer> clone_all(std::span<const SharedRun> runs) {
    for (const SharedRun& run : runs) {
      if (QC_TRY(clone(*run.source, run.source_offset, run.guest)) == CloneAnswer::impossible) {
        return CloneAnswer::impossible;
      }
    }
    return CloneAnswer::cloned;
  }

  /// Makes a range read as zeros and frees its space where the format can: hole, or zero flag.
  [[nodiscard]] virtual Result<void> zero(Range guest) = 0;

  /// All is written: the merged layers' persistent bitmaps that the base was opened with go into its own, with the next
  /// flush(). Errors: io.
  [[nodiscard]] virtual Result<void> merge_bitmaps() { return {}; }

  /// Everything before is durable, and the image is complete: what was written is what any reader finds.
  [[nodiscard]] virtual Result<void> flush() = 0;
};

}  // namespace qchain
