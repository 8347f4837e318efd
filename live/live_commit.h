#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "live/machine.h"
#include "qcow/commit/plan.h"
#include "qcow/commit/record.h"
#include "qcow/commit/selection.h"
#include "qcow/verify/compare.h"

namespace qchain::live {

/// How a commit ends.
enum class Ending : std::uint8_t {
  below_active,  ///< the top lies below the active image, which stays so
  pivot,         ///< all is merged, the guest goes on in the base
  keep_overlay,  ///< all is copied into the base as of one moment, and the guest goes on as before
};

/// What to do when the time that the user gave is over.
enum class AtTimeout : std::uint8_t {
  cancel,       ///< the chain is as before
  raise_speed,  ///< once: no limit of bandwidth, and as much time again; then cancel
  report,       ///< leave the job running and say how far it is: the same command goes on with it
};

/// Which engine the user wants.
enum class EngineChoice : std::uint8_t {
  automatic,  ///< clone where all its conditions hold
  qemu,
  clone,  ///< refused where a condition does not hold
};

/// Which engine it is, and why.
struct EngineDecision {
  LiveEngine engine = LiveEngine::qemu;
  std::string reason;  ///< one line; empty of an earlier run's
};

struct LiveRequest {
  std::string disk;  ///< as find_disk() takes it
  LayerChoice layers;
  Ending ending = Ending::below_active;
  PlanOptions plan;
  std::uint64_t bandwidth = 0;      ///< bytes a second; 0: no limit
  std::chrono::seconds timeout{0};  ///< of the whole copying; 0: none
  AtTimeout at_timeout = AtTimeout::cancel;
  EngineChoice engine = EngineChoice::automatic;
};

struct LiveSurroundings {
  Machine& machine;
  RecordsBeside records;
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;         ///< of the copying; never empty
  std::function<void(std::uint64_t done, std::uint64_t total)> verify_progress;  ///< never empty
  std::function<void(const std::string& line)> say;  ///< a step that was reached; never empty
  std::stop_token stop;
};

/// How long each part took.
struct LiveTimes {
  std::chrono::duration<double> copy{};
  std::chrono::duration<double> verify{};
  std::chrono::duration<double> switching{};
};

struct LiveReport {
  CommitRecord record;
  std::string anchor;     ///< as CommitReport has it
  Comparison comparison;  ///< of base and merged layers, before the switch where the machine can hold it
  LiveTimes times;
  EngineDecision engine;
  std::vector<DiskLayer> chain;  ///< of the disk, as it is afterwards; bottom first
  bool was_finished = false;     ///< an earlier run had done it all
  bool guest_stopped = false;    ///< QEMU stopped the guest meanwhile (and may have resumed it)
};

/// What a commit would do; nothing is changed. Figures of an active image are estimates: its guest writes on.
struct LivePlan {
  Disk disk;
  CommitPlan plan;
  EngineDecision engine;
};
[[nodiscard]] Result<LivePlan> plan_live(const LiveRequest& request, const LiveSurroundings& around);

/// Merges under the running guest. After any error the guest runs on, with what it had; the error says what state the
/// chain is in. Cut off at any moment, the same call finds what an earlier one has left, and ends it.
/// Errors: those of find_disk(), find_layer(), the plan (the first refusal), Machine; interrupted; io with ETIMEDOUT at
/// the timeout; corrupt, where the base does not read as the layers: then nothing was switched.
[[nodiscard]] Result<LiveReport> commit_live(const LiveRequest& request, const LiveSurroundings& around);

}  // namespace qchain::live
