#pragma once

#include <cstdint>

#include "qcow/core/error.h"
#include "qcow/core/range.h"
#include "qcow/storage/writable_file.h"

namespace qchain {

/// Where a piece of the guest's disk goes in the output.
struct Placement {
  std::uint64_t offset = 0;  ///< bytes in the output file
  std::uint64_t length = 0;  ///< bytes that lie together from there on, at least 1
};

/// The format of a copy's output: says where guest bytes go, and writes what the format needs beside them. The bytes
/// themselves are written by the caller into file(), by several threads at once.
/// Use: place() for ranges in ascending order, from one thread at a time; then finish() once, when all is written.
class ImageWriter {
 public:
  ImageWriter() = default;
  ImageWriter(const ImageWriter&) = delete;
  ImageWriter& operator=(const ImageWriter&) = delete;
  virtual ~ImageWriter() = default;

  [[nodiscard]] virtual const WritableFile& file() const noexcept = 0;

  /// Whether place() is thread-safe, takes ranges in any order, and places all of a range together.
  [[nodiscard]] virtual bool takes_any_order() const noexcept { return false; }

  /// Where the bytes from guest.start on go; for `guest.length` bytes or fewer. What was never placed reads as zeros,
  /// and so do the bytes of a placement until they are written. Errors: io, no_space.
  [[nodiscard]] virtual Result<Placement> place(Range guest) = 0;

  /// Makes a range read as zeros that is not placed. Thread-safe. Errors: io, no_space.
  [[nodiscard]] virtual Result<void> zero(Range guest) = 0;

  /// Whether place() hands out space in units of clone_unit(), so that blocks may be shared.
  [[nodiscard]] virtual bool takes_clones() const noexcept = 0;

  /// Makes the output an image. Errors: io, no_space.
  [[nodiscard]] virtual Result<void> finish() = 0;
};

}  // namespace qchain
