#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "qcow/bulk/file_order.h"
#include "qcow/copy/chunk_mover.h"

namespace qchain {

/// Copies chunks into an image whose places are known beforehand, many at a time, in the order that
/// read_in_file_order() has. Memory: 10 MiB of extents, and what read_in_file_order() takes. Not thread-safe.
class GatheredCopy {
 public:
  using Moved = std::function<void(std::uint64_t bytes)>;  ///< guest bytes; called by the calling thread

  /// `view` and `writer`, which takes any order, outlive it.
  GatheredCopy(const View& view, ImageWriter& writer, Moved moved, FileOrderOptions how)
      : view_(view), writer_(writer), moved_(std::move(moved)), how_(std::move(how)) {}

  /// A chunk to copy. Errors: io, corrupt, no_space, interrupted.
  [[nodiscard]] Result<void> add(const Chunk& chunk);
  /// Copies what is left. Errors: as add().
  [[nodiscard]] Result<CopyTotals> finish();

 private:
  [[nodiscard]] Result<void> copy_all();
  [[nodiscard]] Result<void> take(std::span<const GuestPiece> pieces);
  [[nodiscard]] Result<void> write(const GuestPiece& piece, const std::vector<Range>& stored);

  const View& view_;
  ImageWriter& writer_;
  Moved moved_;
  FileOrderOptions how_;
  Extents pieces_;
  std::mutex writing_;  ///< guards what follows, and the writing
  std::uint64_t copied_ = 0;
  std::uint64_t zero_ = 0;
};

}  // namespace qchain
