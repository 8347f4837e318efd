#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "qcow/bulk/stored_batches.h"
#include "qcow/chain/chain.h"
#include "qcow/commit/plan.h"
#include "qcow/commit/record.h"
#include "qcow/commit/selection.h"
#include "qcow/storage/writing_gate.h"

namespace qchain {

struct CommitRequest {
  std::string image;
  std::optional<ImageFormat> format;  ///< of `image`; else recognised
  LayerChoice layers;
  PlanOptions plan;
  std::uint64_t bandwidth = 0;                            ///< bytes a second; 0: no limit
  std::chrono::milliseconds checkpoint_interval{10'000};  ///< between two notes of how far the copying is
  unsigned threads = 8;                                   ///< that read and write, at least 1
  CacheUse cache = CacheUse::pass_by;                     ///< in reading; keep: the layers are read again afterwards
  std::optional<DigestKind> whole_digest;                 ///< of the whole view, read before the first write
};

/// What the engine needs from outside: real files, or a simulation that crashes.
struct CommitSurroundings {
  Gate& looking;         ///< opens without locks, to find out which files there are
  WritingGate& working;  ///< opens with locks, for the whole commit
  RecordsBeside records;
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;  ///< may be empty
  std::stop_token stop;
  /// Of the reading for the whole view's digest; may be empty.
  std::function<void(std::uint64_t done, std::uint64_t total)> digest_progress = nullptr;
};

struct CommitReport {
  CommitRecord record;
  std::string anchor;         ///< the path beside which the record lies: the base's, but for a block device
  bool was_finished = false;  ///< an earlier run had done it all, or all but the last note
};

/// Opens with locks and plans; writes nothing. Errors: as Chain::open(), select_layers(), plan_commit().
[[nodiscard]] Result<CommitPlan> plan_only(const CommitRequest& request, CommitSurroundings surroundings);

/// Merges. The protocol, and why each step may be interrupted, is in docs/design.md. After any error or crash the
/// active image reads as before, and the same call completes. Errors: those of the plan (the first refusal), locked,
/// io, no_space, interrupted.
[[nodiscard]] Result<CommitReport> commit(const CommitRequest& request, CommitSurroundings surroundings);

}  // namespace qchain
