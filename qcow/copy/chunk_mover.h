#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "qcow/copy/chunk.h"
#include "qcow/copy/image_writer.h"
#include "qcow/copy/lost_range.h"

namespace qchain {

/// What a copy did. The three make up the view's size.
struct CopyTotals {
  std::uint64_t copied = 0;  ///< bytes read and written
  std::uint64_t cloned = 0;  ///< bytes whose blocks are shared with a layer
  std::uint64_t zero = 0;    ///< bytes that read as zeros and were not written
};

/// Moves chunks into an image with several threads. They read at once and write at once; space is placed in the order
/// of the chunks, so the same view gives the same output each time. Memory: one chunk's bytes a thread.
/// One thread submits; after an error nothing more is moved.
class ChunkMover {
 public:
  /// `view` and `writer` outlive the mover. `threads` is at least 1.
  /// `lost`: where it is set, what can't be read is zeros and is told; else it is an error.
  ChunkMover(const View& view, ImageWriter& writer, unsigned threads, LossReport lost = {});
  /// Ends the threads; what they have at hand is moved, what waits is dropped.
  ~ChunkMover();
  ChunkMover(const ChunkMover&) = delete;
  ChunkMover& operator=(const ChunkMover&) = delete;

  /// Hands over a chunk to copy or to clone, following the one before unless the writer takes any order; waits while
  /// too many are pending. Errors: the first of any chunk: io, corrupt, no_space.
  [[nodiscard]] Result<void> submit(Chunk chunk);

  /// Waits until all is moved. Errors: as submit().
  [[nodiscard]] Result<CopyTotals> finish();

  /// Reports a loss that was found outside; the mover's own come between. Only with `lost`.
  void tell_lost(const Extent& extent, const std::string& reason);

  /// Guest bytes moved so far.
  [[nodiscard]] std::uint64_t moved() const noexcept { return moved_.load(std::memory_order_relaxed); }

 private:
  struct Job {
    Chunk chunk;
    std::uint64_t number = 0;
  };
  /// Bytes of a chunk that have their place in the output.
  struct Placed {
    Range guest;
    std::uint64_t offset = 0;
  };

  void work();
  [[nodiscard]] std::optional<Job> next_job();
  [[nodiscard]] Result<CopyTotals> move(const Job& job, MutableBytes buffer);
  [[nodiscard]] Result<CopyTotals> move_copy(const Job& job, MutableBytes buffer);
  [[nodiscard]] Result<CopyTotals> move_clone(const Job& job, MutableBytes buffer);
  [[nodiscard]] Result<void> read_pieces(const Chunk& chunk, MutableBytes buffer);
  [[nodiscard]] Result<void> read_piece(const Extent& piece, MutableBytes into) const;
  void salvage(const Extent& piece, MutableBytes into);
  [[nodiscard]] Result<std::vector<Placed>> place_in_turn(const Job& job, const std::vector<Range>& ranges);
  [[nodiscard]] Result<void> copy_stored(const Extent& piece, const Placed& placed, MutableBytes buffer) const;
  void done(const Result<CopyTotals>& outcome);

  const View& view_;
  ImageWriter& writer_;
  const LossReport lost_;
  std::mutex lost_mutex_;  ///< guards calls of lost_; never held with the other
  const std::size_t max_pending_;

  std::mutex mutex_;  ///< guards all below but moved_
  std::condition_variable changed_;
  std::deque<Job> queue_;
  std::uint64_t submitted_ = 0;
  std::uint64_t finished_ = 0;
  std::uint64_t turn_ = 0;  ///< number of the chunk that may place
  bool closed_ = false;
  std::optional<Error> error_;
  CopyTotals totals_;

  std::atomic<std::uint64_t> moved_{0};
  std::vector<std::jthread> threads_;  ///< last: they use all of the above
};

}  // namespace qchain
