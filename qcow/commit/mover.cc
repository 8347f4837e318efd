#include "qcow/commit/mover.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "qcow/commit/copier.h"
#include "qcow/commit/digest.h"
#include "qcow/commit/moves.h"
#include "qcow/commit/shareable.h"
#include "qcow/commit/throttle.h"

namespace qchain {

namespace {

constexpr std::uint64_t clone_size = std::uint64_t{64} << 20;  ///< one system call: a stop waits for it
/// Of a disk in bytes a second, to guess how much is copied between two checkpoints.
constexpr std::uint64_t guessed_rate = std::uint64_t{1} << 30;
constexpr std::uint64_t least_put_off = std::uint64_t{16} << 20;
/// A stop waits for so many runs or bytes: at some 25 microseconds a run, less than half a second.
constexpr std::size_t shared_at_once = 16384;
constexpr std::uint64_t bytes_shared_at_once = std::uint64_t{4} << 30;

class Mover {
 public:
  Mover(const View& above, BaseWriter& base, const MoveOptions& options)
      : above_(above), base_(base), options_(options), throttle_(options.bandwidth), copier_(make_copier()) {}

  Result<MoveOutcome> run() {
    MoveWalk walk(above_, options_.start);
    while (const auto move = QC_TRY(walk.next())) {
      QC_TRY(move->kind == MoveKind::zero ? zero(move->extent.range()) : copy(move->extent));
      QC_TRY(check_stop());
      QC_TRY(checkpoint(move->extent.end()));
    }
    if (!options_.tail.empty()) {
      QC_TRY(zero(options_.tail));
    }
    QC_TRY(share_pending());
    QC_TRY(copier_->finish());
    QC_TRY(check_stop());
    if (outcome_.totals.cloned == 0 && options_.start == 0) {
      outcome_.content = digest_.finish();
    }
    return std::move(outcome_);
  }

 private:
  std::unique_ptr<Copier> make_copier() {
    CopierSetup setup{.above = above_,
                      .base = base_,
                      .digest = digest_,
                      .throttle = throttle_,
                      .copied = [this](std::uint64_t bytes) { return copied(bytes); },
                      .threads = options_.threads,
                      .cache = options_.cache,
                      .gathered = most_put_off(),
                      .stop = options_.stop};
    return base_.takes_any_order() ? copier_in_file_order(std::move(setup)) : copier_in_guest_order(std::move(setup));
  }

  /// The record's notes of how far all is in the base should not be much further apart than they are meant to be.
  [[nodiscard]] std::uint64_t most_put_off() const {
    const auto seconds = std::chrono::duration<double>(options_.checkpoint_interval).count();
    const auto rate = options_.bandwidth == 0 ? guessed_rate : options_.bandwidth;
    const double bytes = static_cast<double>(rate) * seconds;
    return bytes < static_cast<double>(least_put_off) ? least_put_off : static_cast<std::uint64_t>(bytes);
  }

  Result<void> zero(Range range) {
    QC_TRY(copier_->settle());
    QC_TRY(check_stop());
    QC_TRY(base_.zero(range));
    digest_.note_zero(range);
    outcome_.totals.zeroed += range.length;
    return moved(range.length);
  }

  Result<void> copy(const Extent& extent) {
    const Storage& source = source_of(extent);
    const Range shared = shareable(extent, source.size(), may_share_ ? base_.sharing_unit(source) : 0);
    const auto [before, behind] = around(extent.range(), shared);
    QC_TRY(read(extent, before));
    for (Extent rest = clip_to(extent, shared); rest.length > 0;) {
      const Extent piece = clip(rest, {rest.start, clone_size});
      QC_TRY(share(piece));
      rest = clip_to(rest, range_between(piece.end(), rest.end()));
    }
    return read(extent, behind);
  }

  [[nodiscard]] const Storage& source_of(const Extent& extent) const {
    return above_.slice().chain.layer(extent.layer).image->data_storage();
  }

  static Extent clip_to(const Extent& extent, Range range) { return range.empty() ? Extent{} : clip(extent, range); }

  Result<void> read(const Extent& extent, Range range) {
    if (range.empty()) {
      return {};
    }
    digest_.note_data(range);
    return copier_->copy(clip(extent, range));
  }

  Result<void> copied(std::uint64_t bytes) {
    outcome_.totals.copied += bytes;
    return moved(bytes);
  }

  /// Put off until there are many: together they cost less. But the first one shows whether blocks can be shared at
  /// all; if not, everything is copied.
  Result<void> share(const Extent& piece) {
    if (!may_share_) {
      return read(piece, piece.range());
    }
    copier_->expect_little();  // blocks are shared unread
    pending_.push_back(piece);
    pending_bytes_ += piece.length;
    const bool is_first = outcome_.totals.cloned == 0;
    return is_first || pending_.size() == shared_at_once || pending_bytes_ >= bytes_shared_at_once ? share_pending()
                                                                                                   : Result<void>{};
  }

  Result<void> share_pending() {
    if (pending_.empty()) {
      return {};
    }
    QC_TRY(copier_->settle());
    QC_TRY(check_stop());
    const Extents extents = std::exchange(pending_, {});
    std::vector<SharedRun> runs;
    for (const Extent& extent : extents) {
      runs.push_back({.source = &source_of(extent), .source_offset = extent.offset, .guest = extent.range()});
    }
    may_share_ = QC_TRY(base_.clone_all(runs)) == CloneAnswer::cloned;
    const std::uint64_t bytes = std::exchange(pending_bytes_, 0);
    if (!may_share_) {
      for (const Extent& extent : extents) {
        QC_TRY(read(extent, extent.range()));
      }
      return {};
    }
    outcome_.totals.cloned += bytes;
    return moved(bytes);
  }

  Result<void> check_stop() const {
    if (options_.stop.stop_requested()) {
      return fail(ErrorKind::interrupted, "interrupted");
    }
    return {};
  }

  Result<void> moved(std::uint64_t bytes) {
    done_ += bytes;
    if (options_.progress) {
      options_.progress(done_);
    }
    return {};
  }

  /// All moves before `position` were asked for, and all but those put off are in the base. Nothing is under way now.
  Result<void> checkpoint(std::uint64_t position) {
    const auto now = std::chrono::steady_clock::now();
    if (!options_.checkpoint || now - last_checkpoint_ < options_.checkpoint_interval) {
      return {};
    }
    if (!pending_.empty()) {
      position = std::min(position, pending_.front().start);
    }
    position = std::min(position, copier_->first_pending().value_or(position));
    if (position > noted_) {
      QC_TRY(options_.checkpoint(position));
      noted_ = position;
      last_checkpoint_ = now;
    }
    return {};
  }

  const View& above_;
  BaseWriter& base_;
  const MoveOptions& options_;
  Throttle throttle_;
  MergedDigest digest_;
  std::unique_ptr<Copier> copier_;
  Extents pending_;  ///< to be shared, in guest order
  std::uint64_t pending_bytes_ = 0;
  bool may_share_ = true;  ///< until the file system says that it can't
  MoveOutcome outcome_;
  std::uint64_t done_ = 0;
  std::uint64_t noted_ = options_.start;  ///< by the last checkpoint
  std::chrono::steady_clock::time_point last_checkpoint_ = std::chrono::steady_clock::now();
};

}  // namespace

Result<MoveOutcome> execute_moves(const View& above, BaseWriter& base, const MoveOptions& options) {
  return Mover(above, base, options).run();
}

}  // namespace qchain
