#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "qcow/commit/commit.h"
#include "qcow/commit/mover.h"

namespace qchain {

/// One run of a commit whose layers are chosen and locked: plan, record, move, flush, relink, each step after the one
/// before is durable. `request` and `around` must outlive it. Not thread-safe.
class CommitRun {
 public:
  CommitRun(const CommitRequest& request, CommitSurroundings& around, Selection selection)
      : request_(request), around_(around), selection_(std::move(selection)) {}

  /// Once. Errors: as commit().
  [[nodiscard]] Result<CommitReport> run();

 private:
  /// A record of this very commit is gone on from; one of another commit that is not finished is in the way.
  Result<void> begin(const CommitPlan& plan, const std::optional<CommitRecord>& earlier);
  void go_on_from(const CommitRecord& earlier);
  /// Somebody may have put the base back as it was, and left the record.
  Result<void> doubt_what_was_moved(const CommitPlan& plan);
  /// A digest that was taken before the first write stays: read again, it would prove less, for a write that went
  /// astray in an earlier run shows through the layers above by now.
  Result<void> digest_whole(bool writing_has_begun);
  /// Before the base's first write: kept after it, it would not be the base as it was.
  Result<void> keep(const CommitPlan& plan);
  Result<void> note_kept(const KeptBase& kept);
  Result<void> move(const CommitPlan& plan, BaseWriter& base);
  Result<void> switch_overlay();

  [[nodiscard]] CommitRecord new_record(const CommitPlan& plan) const;
  [[nodiscard]] MoveOptions move_options(const CommitPlan& plan, BaseWriter& base);
  /// What moves, counted on from the `before` bytes that were kept.
  [[nodiscard]] std::function<void(std::uint64_t)> progress_from(std::uint64_t before, const CommitPlan& plan) const;

  const CommitRequest& request_;
  CommitSurroundings& around_;
  Selection selection_;
  std::unique_ptr<RecordStore> store_;
  CommitRecord record_;
  bool moved_ = false;
};

}  // namespace qchain
