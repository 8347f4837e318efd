#pragma once

#include <functional>
#include <stop_token>

#include "qcow/chain/view.h"
#include "qcow/copy/image_writer.h"

namespace qchain {

/// What becomes of what was gathered. Called by the calling thread.
struct CloneSink {
  std::function<void(std::uint64_t bytes)> shared;                ///< guest bytes, after each system call
  std::function<Result<void>(const Extent& piece)> copy_instead;  ///< its blocks can't be shared
};

/// Lets an image whose places are known beforehand share blocks with the layers' files, many runs at a time, in the
/// order in which they lie there: the file system keeps count of shared blocks by their place on the disk.
/// Memory: 10 MiB of extents. Not thread-safe.
class GatheredClones {
 public:
  /// `view` and `writer`, which takes any order, outlive it.
  GatheredClones(const View& view, ImageWriter& writer, CloneSink sink, std::stop_token stop)
      : view_(view), writer_(writer), sink_(std::move(sink)), stop_(std::move(stop)) {}

  /// A piece that begins and ends on blocks in both files. Errors: io, no_space, interrupted.
  [[nodiscard]] Result<void> add(const Extent& piece);
  /// Shares what is left. Errors: as add().
  [[nodiscard]] Result<void> finish();

 private:
  [[nodiscard]] Result<void> share(const Extent& piece);

  const View& view_;
  ImageWriter& writer_;
  CloneSink sink_;
  std::stop_token stop_;
  Extents pieces_;
};

}  // namespace qchain
