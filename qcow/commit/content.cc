#include "qcow/commit/content.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <utility>

#include "qcow/bulk/file_order.h"
#include "qcow/commit/moves.h"

namespace qchain {

namespace {

constexpr std::size_t extents_at_once = std::size_t{1} << 18;

class Progress {
 public:
  Progress(const ContentOptions& options, std::uint64_t total) : options_(options), total_(total) {}
  void add(std::uint64_t bytes) {
    done_ += bytes;
    if (options_.progress) {
      options_.progress(done_, total_);
    }
  }

 private:
  const ContentOptions& options_;
  std::uint64_t total_;
  std::uint64_t done_ = 0;
};

/// Extents to be read, put off until there are many, and then read in the order in which they lie in the files.
class PutOff {
 public:
  using Use = std::function<void(const GuestPiece& piece)>;  ///< called by several threads at once

  PutOff(const View& view, Use use, const ContentOptions& options, Progress* progress = nullptr)
      : view_(view),
        sink_{.take = [use = std::move(use)](std::span<const GuestPiece> pieces) -> Result<void> {
                std::ranges::for_each(pieces, use);
                return {};
              },
              .taken = [progress](std::uint64_t bytes) -> Result<void> {
                if (progress != nullptr) {
                  progress->add(bytes);
                }
                return {};
              }},
        how_{.threads = options.threads, .stop = options.stop} {}

  Result<void> add(const Extent& extent) {
    extents_.push_back(extent);
    return extents_.size() == extents_at_once ? finish() : Result<void>{};
  }

  Result<void> finish() { return read_in_file_order(view_, std::exchange(extents_, {}), sink_, how_); }

 private:
  const View& view_;
  FileOrderSink sink_;
  FileOrderOptions how_;
  Extents extents_;
};

/// The sum of bytes that come from several threads.
class SharedSum {
 public:
  void add(const GuestPiece& piece) {
    SectorSum sum;
    sum.add(piece.guest.start, piece.bytes);
    const std::scoped_lock lock(mutex_);
    sum_.add(sum);
  }
  void add_zeros(Range range) {
    static constexpr std::array<std::byte, 65536> zeros{};
    for (std::uint64_t start = range.start; start < range.end(); start += zeros.size()) {
      const Range part{start, std::min<std::uint64_t>(zeros.size(), range.end() - start)};
      add({.guest = part, .bytes = Bytes(zeros).first(part.length)});
    }
  }
  [[nodiscard]] const SectorSum& sum() const noexcept { return sum_; }

 private:
  std::mutex mutex_;  ///< guards the sum until all threads have ended
  SectorSum sum_;
};

std::uint64_t bytes_of(const MergedContent& content) {
  std::uint64_t total = 0;
  for (const MergedRun& run : content.runs) {
    total += run.range.length;
  }
  return total;
}

/// Reads a base where something was merged into it.
class BaseReading {
 public:
  BaseReading(const View& base, const MergedContent& content, const ContentOptions& options)
      : base_(base),
        content_(content),
        options_(options),
        progress_(options, bytes_of(content)),
        data_(
            base, [this](const GuestPiece& piece) { sum_.add(piece); }, options, &progress_),
        zeros_(base, [this](const GuestPiece& piece) { zero_ = zero_ && is_zero(piece.bytes); }, options, &progress_) {}

  Result<bool> run() {
    for (const MergedRun& run : content_.runs) {
      if (!fits(run.range.start, run.range.length, base_.size())) {
        return false;
      }
      QC_TRY(read(run));
    }
    QC_TRY(data_.finish());
    QC_TRY(zeros_.finish());
    return zero_ && sum_.sum().text() == content_.digest;
  }

 private:
  Result<void> read(const MergedRun& run) {
    ExtentWalk walk(base_, run.range);
    while (const auto extent = walk.next()) {
      if (options_.stop.stop_requested()) {
        return fail(ErrorKind::interrupted, "interrupted");
      }
      if (extent->kind == ExtentKind::broken) {
        std::array<std::byte, 1> byte{};
        return base_.read(extent->start, byte);  // says what is wrong
      }
      if (!extent->reads_zero()) {
        QC_TRY((run.zero ? zeros_ : data_).add(*extent));
        continue;
      }
      if (!run.zero) {
        sum_.add_zeros(extent->range());
      }
      progress_.add(extent->length);
    }
    return {};
  }

  const View& base_;
  const MergedContent& content_;
  const ContentOptions& options_;
  Progress progress_;
  SharedSum sum_;
  std::atomic<bool> zero_ = true;  ///< all that should be, so far
  PutOff data_;
  PutOff zeros_;
};

}  // namespace

Result<std::optional<MergedContent>> read_content(const View& above, const ContentOptions& options) {
  MergedDigest digest;
  SharedSum sum;
  PutOff data(above, [&](const GuestPiece& piece) { sum.add(piece); }, options);
  MoveWalk walk(above);
  while (const auto move = QC_TRY(walk.next())) {
    if (move->kind == MoveKind::zero) {
      digest.note_zero(move->extent.range());
    } else {
      digest.note_data(move->extent.range());
      QC_TRY(data.add(move->extent));
    }
  }
  QC_TRY(data.finish());
  digest.add(sum.sum());
  return digest.finish();
}

Result<bool> still_reads_as(const View& base, const MergedContent& content, const ContentOptions& options) {
  return BaseReading(base, content, options).run();
}

}  // namespace qchain
