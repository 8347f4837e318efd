#include "qcow/commit/content.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <utility>

#include "qcow/bulk/file_order.h"
#include "qcow/commit/moves.h"
#include "qcow/format/limits.h"

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
        how_{.threads = options.threads, .cache = options.cache, .stop = options.stop} {}

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

/// Reads a base where something was merged into it.
class BaseReading {
 public:
  BaseReading(const View& base, const MergedContent& content, const ContentOptions& options)
      : base_(base),
        content_(content),
        options_(options),
        progress_(options, content.bytes()),
        data_(
            base, [this](const GuestPiece& piece) { sum_.add(piece); }, options, &progress_),
        zeros_(base, [this](const GuestPiece& piece) { expect_zero(piece); }, options, &progress_) {}

  Result<bool> run() {
    const auto& runs = content_.runs;
    if (!std::ranges::all_of(runs, [&](const auto& run) { return fits(run.range.start, run.range.length, size()); })) {
      return false;
    }
    // One walk for all: resolved run by run, each table would be read again and again.
    ExtentWalk walk(base_, runs.empty() ? Range{} : range_between(runs.front().range.start, runs.back().range.end()));
    for (auto run = runs.begin(); const auto extent = walk.next();) {
      const Extent whole = in_sectors(*extent);
      run = std::ranges::find_if(run, runs.end(), [&](const auto& r) { return r.range.end() > whole.start; });
      for (auto next = run; next != runs.end() && next->range.start < whole.end(); ++next) {
        QC_TRY(read(clip(whole, intersect(whole.range(), next->range)), next->zero));
      }
    }
    QC_TRY(data_.finish());
    QC_TRY(zeros_.finish());
    return zero_ && sum_.sum().text() == content_.digest;
  }

 private:
  static constexpr std::uint64_t zeros_at_once = std::uint64_t{64} << 20;

  [[nodiscard]] std::uint64_t size() const noexcept { return base_.size(); }

  /// A raw file may end within a sector: the rest of that reads as zeros, and belongs to it.
  static Extent in_sectors(Extent extent) {
    const Range range = range_between(align_up(extent.start, format::sector), align_up(extent.end(), format::sector));
    if (extent.kind == ExtentKind::data && range.start == extent.start) {
      extent.length = range.length;
      return extent;
    }
    return range.empty() ? Extent{} : clip(extent, intersect(extent.range(), range));
  }

  void expect_zero(const GuestPiece& piece) {
    if (!is_zero(piece.bytes)) {
      zero_ = false;
    }
  }

  Result<void> read(const Extent& extent, bool should_be_zero) {
    if (extent.kind == ExtentKind::broken) {
      return std::unexpected(broken_extent(base_, extent));
    }
    if (extent.reads_zero()) {
      return add_zeros(extent.range(), should_be_zero);
    }
    QC_TRY(check_stop());
    return (should_be_zero ? zeros_ : data_).add(extent);
  }

  Result<void> add_zeros(Range range, bool should_be_zero) {
    while (!range.empty()) {
      QC_TRY(check_stop());
      const Range part{range.start, std::min(zeros_at_once, range.length)};
      if (!should_be_zero) {
        sum_.add_zeros(part);
      }
      progress_.add(part.length);
      range = range_between(part.end(), range.end());
    }
    return {};
  }

  [[nodiscard]] Result<void> check_stop() const {
    return options_.stop.stop_requested() ? Result<void>(fail(ErrorKind::interrupted, "interrupted")) : Result<void>{};
  }

  const View& base_;
  const MergedContent& content_;
  const ContentOptions& options_;
  Progress progress_;
  SharedSum sum_;
  std::atomic<bool> zero_ = true;  ///< until something is not that should be
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
    if (options.stop.stop_requested()) {
      return fail(ErrorKind::interrupted, "interrupted");
    }
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
