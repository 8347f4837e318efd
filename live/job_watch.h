#pragma once

#include <optional>

#include "live/live_commit.h"

/// Inside of the live room.
namespace qchain::live {

/// Follows one job by its events. What has been reached can't be missed: a job stays where it waits, and one that is
/// over stays until it is dismissed, so it is asked for after every event. The time that the user gave begins with the
/// first wait.
class JobWatch {
 public:
  JobWatch(const LiveRequest& request, const LiveSurroundings& around, std::string handle);

  [[nodiscard]] const std::string& handle() const noexcept { return handle_; }

  /// Waits until the job is in that phase, or over. Errors: interrupted; io with ETIMEDOUT, at the timeout; those of
  /// the machine. The job runs on then.
  [[nodiscard]] Result<JobState> until(Phase wanted);

  /// Cancels the job, waits for its end a bounded time, and dismisses it. Errors: those of the machine.
  [[nodiscard]] Result<void> cancel();

  [[nodiscard]] bool guest_stopped() const noexcept { return guest_stopped_; }

 private:
  [[nodiscard]] Result<JobState> now();
  [[nodiscard]] Result<void> wait_for_news(const JobState& state);
  [[nodiscard]] Result<void> at_deadline(const JobState& state);
  void show(const JobState& state);

  const LiveRequest& request_;
  const LiveSurroundings& around_;
  std::string handle_;
  std::optional<Clock::time_point> deadline_;  ///< from the first wait on
  bool speed_raised_ = false;
  bool guest_stopped_ = false;
  Phase shown_ = Phase::running;
  std::uint64_t last_done_ = 0;
  Clock::time_point last_progress_ = Clock::now();
};

}  // namespace qchain::live
