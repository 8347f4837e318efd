#include "qcow/bulk/file_order.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "qcow/bulk/cached_extents.h"
#include "qcow/bulk/gathered_batches.h"
#include "qcow/storage/block_memory.h"
#include "qcow/storage/direct_storage.h"

namespace qchain {

namespace {

/// A batch in whole blocks, or a compressed cluster.
constexpr std::uint64_t buffer_size = std::max(StoredBatches::batch_size + 2 * direct_block, std::uint64_t{2} << 20);

/// Waking the reporting thread for each piece would cost more than reading it.
constexpr std::chrono::milliseconds between_reports{50};

Extents in_memory(const View& view, Extents& extents, CacheUse cache) {
  return cache == CacheUse::pass_by ? take_cached(view, extents) : Extents{};
}

/// The work of all threads: lists of batches, from which each takes the next.
class Reading {
 public:
  Reading(const View& view, Extents extents, const FileOrderSink& sink, const FileOrderOptions& options)
      : view_(view),
        sink_(sink),
        options_(options),
        gathered_(in_memory(view, extents, options.cache)),
        batches_(view, std::move(extents), options.cache, options.past) {}

  Result<void> run() {
    {
      std::vector<std::jthread> threads(std::min<std::size_t>(options_.threads, gathered_.bound() + batches_.bound()));
      working_ = threads.size();
      for (auto& thread : threads) {
        thread = std::jthread([this] { work(); });
      }
      report_until_done();
    }
    return error_ ? Result<void>(std::unexpected(*std::move(error_))) : Result<void>{};
  }

 private:
  void work() {
    Result<void> outcome = move_all();
    const std::scoped_lock lock(mutex_);
    note(std::move(outcome));
    if (--working_ == 0) {
      done_.notify_one();
    }
  }

  Result<void> move_all() {
    const BlockMemory memory = QC_TRY(BlockMemory::make(buffer_size));
    while (const auto batch = next(gathered_)) {
      QC_TRY(move(*batch, memory.bytes()));
    }
    while (const auto batch = next(batches_)) {
      QC_TRY(move(*batch, memory.bytes()));
    }
    return {};
  }

  template <typename Batches>
  auto next(Batches& batches) -> decltype(batches.next()) {
    const std::scoped_lock lock(mutex_);
    if (options_.stop.stop_requested()) {
      note(fail(ErrorKind::interrupted, "interrupted"));
    }
    return error_ ? std::nullopt : batches.next();
  }

  Result<void> move(const GatheredBatch& batch, MutableBytes buffer) {
    std::vector<GuestPiece> pieces;
    pieces.reserve(batch.parts.size());
    for (const auto& [extent, place] : batch.parts) {
      const MutableBytes bytes = buffer.subspan(place, extent.length);
      QC_TRY(view_.slice().chain.layer(extent.layer).image->data_storage().read_padded(extent.offset, bytes));
      pieces.push_back({.guest = extent.range(), .bytes = bytes});
    }
    return hand_over(pieces);
  }

  Result<void> move(const StoredBatch& batch, MutableBytes buffer) {
    if (batch.stored.empty()) {
      const Extent& packed = batch.parts.front();
      QC_TRY(view_.read(packed.start, buffer.first(packed.length)));
      return hand_over({{.guest = packed.range(), .bytes = buffer.first(packed.length)}});
    }
    const Range blocks =
        range_between(align_down(batch.stored.start, direct_block), align_up(batch.stored.end(), direct_block));
    QC_TRY(read(batch, blocks.start, buffer.first(blocks.length)));
    std::vector<GuestPiece> pieces;
    pieces.reserve(batch.parts.size());
    for (const Extent& part : batch.parts) {
      pieces.push_back({.guest = part.range(), .bytes = buffer.subspan(part.offset - blocks.start, part.length)});
    }
    return hand_over(pieces);
  }

  static Result<void> read(const StoredBatch& batch, std::uint64_t offset, MutableBytes into) {
    // Whatever speaks against reading past the cache, the usual way may do, or says what is wrong.
    if (batch.past != nullptr && batch.past->read_padded(offset, into)) {
      return {};
    }
    return batch.file->read_padded(offset, into);
  }

  Result<void> hand_over(const std::vector<GuestPiece>& pieces) {
    QC_TRY(sink_.take(pieces));
    for (const GuestPiece& piece : pieces) {
      taken_ += piece.guest.length;
    }
    return {};
  }

  void note(Result<void> outcome) {
    if (!outcome && !error_) {
      error_ = std::move(outcome).error();
    }
  }

  void report_until_done() {
    for (bool done = false; !done;) {
      std::unique_lock lock(mutex_);
      done = done_.wait_for(lock, between_reports, [&] { return working_ == 0; });
      lock.unlock();
      const std::uint64_t taken = taken_.exchange(0);
      if (Result<void> told = taken > 0 && sink_.taken ? sink_.taken(taken) : Result<void>{}; !told) {
        lock.lock();
        note(std::move(told));
      }
    }
  }

  const View& view_;
  const FileOrderSink& sink_;
  const FileOrderOptions& options_;
  std::atomic<std::uint64_t> taken_ = 0;  ///< since it was reported
  std::mutex mutex_;                      ///< guards all below
  std::condition_variable done_;
  GatheredBatches gathered_;
  StoredBatches batches_;
  std::size_t working_ = 0;
  std::optional<Error> error_;
};

}  // namespace

Result<void> read_in_file_order(const View& view, Extents extents, const FileOrderSink& sink,
                                const FileOrderOptions& options) {
  return Reading(view, std::move(extents), sink, options).run();
}

}  // namespace qchain
