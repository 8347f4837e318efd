#pragma once

#include <memory>
#include <optional>
#include <string>

#include "live/live_commit.h"
#include "qcow/commit/commit.h"

/// Inside of the live room: what the steps of one commit share.
namespace qchain::live {

struct Context {
  const LiveRequest& request;
  const LiveSurroundings& around;
  std::string disk_name;  ///< Disk::name: it stays the same whatever becomes of the layers
  std::unique_ptr<RecordStore> store;
  LiveReport report;
  std::optional<CommitRecord> earlier = std::nullopt;  ///< what lay beside the base when this one began
  bool has_begun = false;  ///< the machine has done something for it, or the base is another file

  [[nodiscard]] CommitRecord& record() noexcept { return report.record; }
  [[nodiscard]] Machine& machine() const noexcept { return around.machine; }
  [[nodiscard]] Result<Disk> disk() const { return find_disk(machine(), disk_name); }
  [[nodiscard]] Result<void> save() const { return store->save(report.record); }
};

/// The request in the words of an offline commit: what the commit room makes plans and records of.
[[nodiscard]] CommitRequest as_commit_request(const LiveRequest& request, const Disk& disk);

/// Adds the time since it was made to `into`, when it goes.
class Stopwatch {
 public:
  explicit Stopwatch(std::chrono::duration<double>& into) : into_(into) {}
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;
  ~Stopwatch() { into_ += Clock::now() - start_; }

 private:
  std::chrono::duration<double>& into_;
  Clock::time_point start_ = Clock::now();
};

}  // namespace qchain::live
