#include "qcow/verify/compare.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "qcow/storage/block_memory.h"
#include "qcow/verify/paired_walk.h"

namespace qchain {

namespace {

/// Two buffers of this size stay in the processor's own memory; larger ones cost a sixth more time where all is cached.
constexpr std::uint64_t chunk_size = std::uint64_t{512} << 10;

/// Neighbouring ranges that one thread compares, at most chunk_size bytes in all.
using Batch = std::vector<PairedRange>;

/// Differing bytes of one chunk.
struct ChunkDifference {
  std::optional<Range> first;
  std::uint64_t bytes = 0;
};

ChunkDifference difference(Bytes left, Bytes right, std::uint64_t guest_offset) {
  ChunkDifference found;
  if (std::memcmp(left.data(), right.data(), left.size()) == 0) {
    return found;
  }
  for (std::size_t i = 0; i < left.size(); ++i) {
    if (left[i] == right[i]) {
      continue;
    }
    ++found.bytes;
    if (!found.first) {
      found.first = Range{guest_offset + i, 1};
    } else if (found.first->end() == guest_offset + i) {
      ++found.first->length;
    }
  }
  return found;
}

/// The work of all threads: one walk, from which each takes the next batch.
class Comparing {
 public:
  Comparing(const View& left, const View& right, const CompareOptions& options)
      : left_(left), right_(right), options_(options), walk_(left, right, options.length) {}

  Result<Comparison> run() {
    {
      std::vector<std::jthread> threads;
      threads.reserve(options_.threads);
      for (unsigned i = 0; i < options_.threads; ++i) {
        threads.emplace_back([this] { work(); });
      }
    }
    if (error_) {
      return std::unexpected(*std::move(error_));
    }
    return result_;
  }

 private:
  void work() {
    if (auto outcome = compare_all(); !outcome) {
      const std::scoped_lock lock(mutex_);
      error_ = error_ ? error_ : std::move(outcome).error();
    }
  }

  Result<void> compare_all() {
    const BlockMemory memory = QC_TRY(BlockMemory::make(2 * chunk_size));
    const MutableBytes left = memory.bytes().first(chunk_size);
    const MutableBytes right = memory.bytes().last(chunk_size);
    for (Batch batch = take_and_fetch(); !batch.empty();) {
      Batch next = take_and_fetch();  // the disk works at it while this one is compared
      for (const PairedRange& part : batch) {
        finish(part, QC_TRY(compare_chunk(part, left.first(part.range.length), right.first(part.range.length))));
      }
      batch = std::move(next);
    }
    return {};
  }

  /// A scattered layer gives a small range each time: asked for together, the disk has several to work at.
  Batch take_and_fetch() {
    Batch batch = take();
    for (const PairedRange& part : batch) {
      if (part.pairing != Pairing::left_zero) {
        left_.will_need(part.range);
      }
      if (part.pairing != Pairing::right_zero) {
        right_.will_need(part.range);
      }
    }
    return batch;
  }

  /// What continues the range before is read together with it.
  static void add(Batch& batch, const PairedRange& part) {
    if (!batch.empty() && batch.back().pairing == part.pairing && batch.back().range.end() == part.range.start) {
      batch.back().range.length += part.range.length;
    } else {
      batch.push_back(part);
    }
  }

  /// The next ranges to compare; none at the end, or after an error.
  Batch take() {
    const std::scoped_lock lock(mutex_);
    Batch batch;
    for (std::uint64_t room = chunk_size; room > 0;) {
      const auto part = next_part(room);
      if (!part) {
        break;
      }
      add(batch, *part);
      room -= part->range.length;
    }
    return error_ ? Batch{} : batch;
  }

  /// The next range that needs reading, at most `length` bytes of it.
  std::optional<PairedRange> next_part(std::uint64_t length) {
    if (is_over()) {
      return std::nullopt;
    }
    while (rest_.range.empty() || rest_.pairing == Pairing::same) {
      advance(rest_.range.length);
      rest_.range = {};
      const auto next = is_over() ? std::nullopt : walk_.next();
      if (!next) {
        return std::nullopt;
      }
      rest_ = *next;
    }
    const PairedRange part{{rest_.range.start, std::min(length, rest_.range.length)}, rest_.pairing};
    rest_.range = range_between(part.range.end(), rest_.range.end());
    return part;
  }

  [[nodiscard]] bool is_over() {
    if (options_.stop.stop_requested() && !error_) {
      error_ = make_error(ErrorKind::interrupted, "interrupted");
    }
    return error_.has_value();
  }

  [[nodiscard]] Result<ChunkDifference> compare_chunk(const PairedRange& chunk, MutableBytes left,
                                                      MutableBytes right) const {
    if (chunk.pairing == Pairing::left_zero) {
      std::ranges::fill(left, std::byte{0});
    } else {
      QC_TRY(left_.read(chunk.range.start, left));
    }
    if (chunk.pairing == Pairing::right_zero) {
      std::ranges::fill(right, std::byte{0});
    } else {
      QC_TRY(right_.read(chunk.range.start, right));
    }
    return difference(left, right, chunk.range.start);
  }

  void finish(const PairedRange& chunk, const ChunkDifference& found) {
    const std::scoped_lock lock(mutex_);
    result_.compared += chunk.range.length;
    result_.different += found.bytes;
    if (found.first && (!result_.first_difference || found.first->start < result_.first_difference->start)) {
      result_.first_difference = found.first;
    }
    advance(chunk.range.length);
  }

  void advance(std::uint64_t bytes) {
    done_ += bytes;
    if (options_.progress) {
      options_.progress(done_, walk_.end());
    }
  }

  const View& left_;
  const View& right_;
  const CompareOptions& options_;
  std::mutex mutex_;  ///< guards all below
  PairedWalk walk_;
  PairedRange rest_;
  Comparison result_;
  std::optional<Error> error_;
  std::uint64_t done_ = 0;
};

}  // namespace

Result<Comparison> compare(const View& left, const View& right, const CompareOptions& options) {
  return Comparing(left, right, options).run();
}

}  // namespace qchain
