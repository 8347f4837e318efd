#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>

#include "qcow/bulk/past_cache.h"
#include "qcow/copy/chunk_mover.h"
#include "qcow/copy/image_writer.h"
#include "qcow/copy/lost_range.h"

namespace qchain {

/// Called by the thread that called the copy, about once a chunk. Guest bytes: moved so far, and stored in all.
using CopyProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;

struct CopyOptions {
  unsigned threads = 4;             ///< at least 1
  CopyProgress progress;            ///< may be empty
  std::stop_token stop;             ///< asks to stop at the next chunk
  const PastCache* past = nullptr;  ///< of the view; null: its files are opened as they come
  // NOLINTNEXTLINE(readability-redundant-member-init): so that designated initialisers may leave it out
  LossReport lost = {};  ///< if set, losses don't end the copy: zeros take their place
};

/// Writes all of the view into an image just made, blocks shared where the file system can, and finishes the image.
/// Errors: corrupt and io for ranges that no layer can give (found before anything is written where the metadata say
/// so; none of them with `lost`), no_space, interrupted. After an error the output is of no use.
[[nodiscard]] Result<CopyTotals> copy_view(const View& view, ImageWriter& writer, const CopyOptions& options);

}  // namespace qchain
