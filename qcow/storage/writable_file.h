#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "qcow/core/bytes.h"
#include "qcow/core/error.h"
#include "qcow/core/range.h"
#include "qcow/storage/storage.h"
#include "qcow/storage/unique_fd.h"

namespace qchain {

/// Whether the kernel could share the blocks of two files.
enum class CloneAnswer : std::uint8_t {
  cloned,
  impossible,  ///< other file systems, none that shares blocks, or an alignment it does not like: copy instead
};

/// Bytes, and where in a file they go.
struct WritePiece {
  std::uint64_t offset = 0;
  Bytes bytes;
};

/// A regular file or block device open for reading and writing. Knows nothing of names, temporaries and formats.
/// Thread-safe as long as the ranges that are written at once don't overlap.
class WritableFile {
 public:
  /// `name` is for messages.
  WritableFile(UniqueFd fd, std::string name) noexcept : fd_(std::move(fd)), name_(std::move(name)) {}

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// Owned by this object.
  [[nodiscard]] int descriptor() const noexcept { return fd_.get(); }

  /// Writes all of `bytes` at `offset`. Retries EINTR and short writes. Errors: io, no_space, permission.
  [[nodiscard]] Result<void> write(std::uint64_t offset, Bytes bytes) const;

  /// Makes a range read as zeros, without the space for it where the file system or device can. For a file, `range`
  /// lies inside it. Errors: as write().
  [[nodiscard]] Result<void> zero(Range range) const;

  /// Lets `target` share the blocks of `source` from `source_offset` on. Both starts and the length are multiples of
  /// clone_unit(), and the source has all of it. Errors: io, no_space.
  [[nodiscard]] Result<CloneAnswer> clone(const Storage& source, std::uint64_t source_offset, Range target) const;

  /// Lets this file, which is empty, share all blocks of `source`, a regular file, and gives it its length. Errors: io,
  /// no_space.
  [[nodiscard]] Result<CloneAnswer> clone_all(const Storage& source) const;

  /// Tries a clone of the first block of `source` into the first block here, and makes that zeros again. Only while
  /// nothing has been written there.
  [[nodiscard]] Result<CloneAnswer> try_clone(const Storage& source) const;

  /// How many pieces the file system keeps `range` in; nothing where it does not say.
  [[nodiscard]] std::optional<std::uint64_t> pieces_in(Range range) const noexcept;

  /// Bytes, a power of two: the file system's block.
  [[nodiscard]] std::uint64_t clone_unit() const noexcept;

  /// New length in bytes; what is added reads as zeros. Errors: io, no_space.
  [[nodiscard]] Result<void> resize(std::uint64_t length) const;

  /// All written bytes are on stable storage when this returns. Errors: io, no_space.
  [[nodiscard]] Result<void> sync() const;

 private:
  [[nodiscard]] Result<void> write_zeros(Range range) const;

  UniqueFd fd_;
  std::string name_;
};

}  // namespace qchain
