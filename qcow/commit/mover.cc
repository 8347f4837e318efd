#include "qcow/commit/mover.h"

#include <algorithm>

#include "qcow/commit/digest.h"
#include "qcow/commit/moves.h"
#include "qcow/commit/throttle.h"
#include "qcow/verify/ordered_reader.h"

namespace qchain {

namespace {

constexpr std::uint64_t chunk_size = std::uint64_t{1} << 20;
constexpr std::uint64_t clone_size = std::uint64_t{64} << 20;  ///< one system call: a stop waits for it
constexpr std::size_t chunks_ahead = 8;

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
    return moved(range);
  }

  Result<void> copy(const Extent& extent) {
    Extent rest = extent;
    if (extent.kind == ExtentKind::data) {
      rest = QC_TRY(clone(extent));
    }
    for (std::uint64_t position = rest.start; position < rest.end();) {
      const std::uint64_t next = std::min(rest.end(), align_down(position, chunk_size) + chunk_size);
      if (!reader_.has_room()) {
        QC_TRY(write_oldest());
      }
      reader_.ask(range_between(position, next));
      position = next;
    }
    return {};
  }

  /// Shares what it can from the extent's start on; what is left is to be copied.
  Result<Extent> clone(Extent rest) {
    const Storage& source = above_.slice().chain.layer(rest.layer).image->data_storage();
    while (rest.length > 0) {
      QC_TRY(check_stop());
      const Extent piece = clip(rest, {rest.start, clone_size});
      QC_TRY(drain());
      if (QC_TRY(base_.clone(source, piece.offset, piece.range())) == CloneAnswer::impossible) {
        break;
      }
      outcome_.totals.cloned += piece.length;
      QC_TRY(moved(piece.range()));
      rest = clip(rest, range_between(piece.end(), rest.end()));
    }
    return rest;
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
    return moved(taken.range);
  }

  Result<void> check_stop() const {
    if (options_.stop.stop_requested()) {
      return fail(ErrorKind::interrupted, "interrupted");
    }
    return {};
  }

  /// All moves up to the end of `range` are in the base.
  Result<void> moved(Range range) {
    done_ += range.length;
    if (options_.progress) {
      options_.progress(done_);
    }
    const auto now = std::chrono::steady_clock::now();
    if (options_.checkpoint && now - last_checkpoint_ >= options_.checkpoint_interval) {
      QC_TRY(options_.checkpoint(range.end()));
      last_checkpoint_ = now;
    }
    return {};
  }

  const View& above_;
  BaseWriter& base_;
  const MoveOptions& options_;
  OrderedReader reader_;
  Throttle throttle_;
  MergedDigest digest_;
  MoveOutcome outcome_;
  std::uint64_t done_ = 0;
  std::chrono::steady_clock::time_point last_checkpoint_ = std::chrono::steady_clock::now();
};

}  // namespace

Result<MoveOutcome> execute_moves(const View& above, BaseWriter& base, const MoveOptions& options) {
  return Mover(above, base, options).run();
}

}  // namespace qchain
