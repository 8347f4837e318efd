#pragma once

#include <functional>
#include <span>
#include <stop_token>

#include "qcow/bulk/stored_batches.h"

namespace qchain {

struct FileOrderOptions {
  unsigned threads = 16;  ///< at least 1; each has a batch in memory
  CacheUse cache = CacheUse::pass_by;
  const PastCache* past = nullptr;  ///< for what is read past it; null: files are opened as they come
  // NOLINTNEXTLINE(readability-redundant-member-init): so that designated initialisers may leave it out
  std::stop_token stop = {};  ///< asks to stop between two batches
};

/// What a guest range reads as.
struct GuestPiece {
  Range guest;
  Bytes bytes;
};

/// What is done with the bytes.
struct FileOrderSink {
  /// Takes what was read in one go; called by several threads at once, for ranges that don't overlap. Whole
  /// blocks of 4096 bytes, in the file or, from memory, in the guest, are blocks in memory, and neighbours are.
  std::function<Result<void>(std::span<const GuestPiece> pieces)> take;
  /// Called by the calling thread from time to time: guest bytes taken since the call before. May be empty.
  std::function<Result<void>(std::uint64_t bytes)> taken;
};

/// Reads extents (data and compressed, of `view`) with several threads, in the order in which they lie in the layers'
/// files. An overlay's clusters lie in the order in which they were written: by guest offset they would be read in
/// small pieces from all over the file. What is taken from the page cache (CacheUse::pass_by) needs no such order, and
/// comes first, in that of the guest: neighbours together. Returns when all were taken. Errors:
/// the first of reading, taking or `taken`; io, corrupt, interrupted.
[[nodiscard]] Result<void> read_in_file_order(const View& view, Extents extents, const FileOrderSink& sink,
                                              const FileOrderOptions& options);

}  // namespace qchain
