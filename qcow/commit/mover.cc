#include "qcow/commit/mover.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "qcow/commit/digest.h"
#include "qcow/commit/moves.h"
#include "qcow/commit/prefetch.h"
#include "qcow/commit/shareable.h"
#include "qcow/commit/throttle.h"
#include "qcow/verify/ordered_reader.h"

namespace qchain {

namespace {

constexpr std::uint64_t chunk_size = std::uint64_t{1} << 20;
constexpr std::uint64_t clone_size = std::uint64_t{64} << 20;  ///< one system call: a stop waits for it
constexpr std::size_t chunks_ahead = 8;
/// A stop waits for so many runs or bytes: at some 25 microseconds a run, less than half a second.
constexpr std::size_t shared_at_once = 16384;
constexpr std::uint64_t bytes_shared_at_once = std::uint64_t{4} << 30;

class Mover {
 public:
  Mover(const View& above, BaseWriter& base, const MoveOptions& options)
      : above_(above),
        base_(base),
        options_(options),
        reader_(above, options.threads, chunks_ahead),
        throttle_(options.bandwidth) {}

  Result<MoveOutcome> run() {
    MoveWalk walk(above_, options_.start);
    while (const auto move = QC_TRY(walk.next())) {
      QC_TRY(move->kind == MoveKind::zero ? zero(move->extent.range()) : copy(move->extent));
    }
    if (!options_.tail.empty()) {
      QC_TRY(zero(options_.tail));
    }
    QC_TRY(share_pending());
    QC_TRY(drain());
    if (outcome_.totals.cloned == 0 && options_.start == 0) {
      outcome_.content = digest_.finish();
    }
    return std::move(outcome_);
  }

 private:
  Result<void> zero(Range range) {
    // The digest and the base's writer want guest order: what is being read comes first.
    QC_TRY(drain());
    QC_TRY(check_stop());
    QC_TRY(base_.zero(range));
    digest_.add_zero(range);
    outcome_.totals.zeroed += range.length;
    return moved(range.length, range.end());
  }

  Result<void> copy(const Extent& extent) {
    const Storage& source = above_.slice().chain.layer(extent.layer).image->data_storage();
    const Range shared = shareable(extent, source.size(), may_share_ ? base_.sharing_unit(source) : 0);
    if (shared.empty() && pending_.empty() && outcome_.totals.cloned == 0 && !prefetch_) {
      prefetch_.emplace(above_, extent.start);
    }
    const auto [before, behind] = around(extent.range(), shared);
    QC_TRY(read(before));
    for (Extent rest = clip(extent, shared); !shared.empty() && rest.length > 0;) {
      const Extent piece = clip(rest, {rest.start, clone_size});
      QC_TRY(share(source, piece));
      rest = clip(rest, range_between(piece.end(), rest.end()));
    }
    return read(behind);
  }

  Result<void> read(Range range) {
    while (!range.empty()) {
      const std::uint64_t next = std::min(range.end(), align_down(range.start, chunk_size) + chunk_size);
      if (!reader_.has_room()) {
        QC_TRY(write_oldest());
      }
      reader_.ask(range_between(range.start, next));
      range = range_between(next, range.end());
    }
    return {};
  }

  /// Put off until there are many: together they cost less. But the first one shows whether blocks can be shared at
  /// all; if not, everything is copied in guest order, as the digest wants it.
  Result<void> share(const Storage& source, const Extent& piece) {
    if (!may_share_) {
      return read(piece.range());
    }
    prefetch_.reset();  // blocks are shared unread
    pending_.push_back({.source = &source, .source_offset = piece.offset, .guest = piece.range()});
    pending_bytes_ += piece.length;
    const bool is_first = outcome_.totals.cloned == 0;
    return is_first || pending_.size() == shared_at_once || pending_bytes_ >= bytes_shared_at_once ? share_pending()
                                                                                                   : Result<void>{};
  }

  Result<void> share_pending() {
    QC_TRY(drain());
    if (pending_.empty()) {
      return {};
    }
    QC_TRY(check_stop());
    may_share_ = QC_TRY(base_.clone_all(pending_)) == CloneAnswer::cloned;
    const std::vector<SharedRun> runs = std::exchange(pending_, {});
    const std::uint64_t bytes = std::exchange(pending_bytes_, 0);
    if (!may_share_) {
      for (const SharedRun& run : runs) {
        QC_TRY(read(run.guest));
      }
      return {};
    }
    outcome_.totals.cloned += bytes;
    return moved(bytes, runs.back().guest.end());
  }

  Result<void> drain() {
    while (!reader_.empty()) {
      QC_TRY(write_oldest());
    }
    return {};
  }

  Result<void> write_oldest() {
    const auto taken = QC_TRY(reader_.take());
    QC_TRY(check_stop());
    throttle_.spend(taken.range.length, options_.stop);
    if (is_zero(taken.bytes)) {
      QC_TRY(base_.zero(taken.range));  // sparse stays sparse
    } else {
      QC_TRY(base_.write(taken.range.start, taken.bytes));
    }
    digest_.add_data(taken.range, taken.bytes);
    outcome_.totals.copied += taken.range.length;
    return moved(taken.range.length, taken.range.end());
  }

  Result<void> check_stop() const {
    if (options_.stop.stop_requested()) {
      return fail(ErrorKind::interrupted, "interrupted");
    }
    return {};
  }

  /// All moves before `position` are in the base, but for those that are put off.
  Result<void> moved(std::uint64_t bytes, std::uint64_t position) {
    done_ += bytes;
    if (prefetch_) {
      prefetch_->reached(position);
    }
    if (options_.progress) {
      options_.progress(done_);
    }
    const auto now = std::chrono::steady_clock::now();
    if (options_.checkpoint && now - last_checkpoint_ >= options_.checkpoint_interval) {
      QC_TRY(options_.checkpoint(pending_.empty() ? position : std::min(position, pending_.front().guest.start)));
      last_checkpoint_ = now;
    }
    return {};
  }

  const View& above_;
  BaseWriter& base_;
  const MoveOptions& options_;
  std::optional<Prefetch> prefetch_;  ///< once something has to be copied
  OrderedReader reader_;
  Throttle throttle_;
  MergedDigest digest_;
  std::vector<SharedRun> pending_;  ///< to be shared, in guest order
  std::uint64_t pending_bytes_ = 0;
  bool may_share_ = true;  ///< until the file system says that it can't
  MoveOutcome outcome_;
  std::uint64_t done_ = 0;
  std::chrono::steady_clock::time_point last_checkpoint_ = std::chrono::steady_clock::now();
};

}  // namespace

Result<MoveOutcome> execute_moves(const View& above, BaseWriter& base, const MoveOptions& options) {
  return Mover(above, base, options).run();
}

}  // namespace qchain
