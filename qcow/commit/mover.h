#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>

#include "qcow/bulk/stored_batches.h"
#include "qcow/chain/view.h"
#include "qcow/commit/base_writer.h"
#include "qcow/commit/digest.h"
#include "qcow/commit/record.h"

namespace qchain {

struct MoveOptions {
  unsigned threads = 16;  ///< at least 1; each has up to 2 MiB in memory
  CacheUse cache = CacheUse::pass_by;
  std::uint64_t bandwidth = 0;  ///< bytes a second to copy at the most; 0: no limit
  /// Called by the moving thread about once a chunk. Guest bytes: moved so far (copied, shared and zeroed).
  std::function<void(std::uint64_t done)> progress;
  std::stop_token stop;     ///< asks to stop between two chunks
  std::uint64_t start = 0;  ///< guest offset to begin at; what lies before it is in the base already
  Range tail;               ///< guest range behind the view that becomes zeros too; see Selection::hidden_tail()
  /// Called about every `checkpoint_interval` with a guest offset: everything before it is in the base, not yet
  /// flushed. Nothing is written meanwhile.
  std::function<Result<void>(std::uint64_t position)> checkpoint;
  std::chrono::milliseconds checkpoint_interval{10'000};
};

/// What was moved.
struct MoveOutcome {
  CommitTotals totals;
  /// What was moved; nothing where not all of it was read: shared blocks, or a later start.
  std::optional<MergedContent> content;
};

/// Executes all moves of a commit: exactly what the view above the base provides goes into the base.
/// May be repeated after a crash. Not flushed yet when it returns.
/// Errors: corrupt, io, no_space, interrupted; the base is then partly written, and still masked by the overlays.
[[nodiscard]] Result<MoveOutcome> execute_moves(const View& above, BaseWriter& base, const MoveOptions& options);

}  // namespace qchain
