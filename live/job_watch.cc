#include "live/job_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

namespace qchain::live {
namespace {

constexpr std::chrono::milliseconds progress_interval{500};
/// A job that is cancelled ends with its next request to the disk.
constexpr std::chrono::seconds end_of_cancelling{60};
constexpr std::chrono::seconds silence_worth_a_word{60};

std::string percent(const JobState& state) {
  const double part = state.total == 0 ? 0 : static_cast<double>(state.done) / static_cast<double>(state.total);
  return fmt::format("{:.0f} %", std::min(part, 1.0) * 100);
}

}  // namespace

JobWatch::JobWatch(const LiveRequest& request, const LiveSurroundings& around, std::string handle)
    : request_(request), around_(around), handle_(std::move(handle)) {}

Result<JobState> JobWatch::now() {
  auto state = QC_TRY(around_.machine.job(handle_));
  if (!state) {
    return std::unexpected(make_error(ErrorKind::io, "the commit's job is gone: somebody else ended it")
                               .in(around_.machine.name())
                               .advise("run the command again, it looks what state the chain is in"));
  }
  return *std::move(state);
}

void JobWatch::show(const JobState& state) {
  if (state.total > 0) {
    around_.progress(state.done, state.total);
  }
  if (state.phase != shown_ && state.phase == Phase::paused) {
    around_.say("the job is paused, by somebody else or by an error");
  }
  shown_ = state.phase;
  if (state.done != last_done_ || state.is_over()) {
    last_done_ = state.done;
    last_progress_ = Clock::now();
  } else if (Clock::now() - last_progress_ > silence_worth_a_word) {
    last_progress_ = Clock::now();
    around_.say(fmt::format("no progress for a minute, at {}", percent(state)));
  }
}

Result<void> JobWatch::at_deadline(const JobState& state) {
  if (request_.at_timeout == AtTimeout::raise_speed && !speed_raised_) {
    speed_raised_ = true;
    deadline_ = Clock::now() + request_.timeout;
    around_.say(
        fmt::format("{} after {} s: going on without a limit of bandwidth", percent(state), request_.timeout.count()));
    return around_.machine.set_speed(handle_, 0);
  }
  return std::unexpected(make_error(ErrorKind::io, fmt::format("merged {} in the {} s it was given", percent(state),
                                                               request_.timeout.count() * (speed_raised_ ? 2 : 1)))
                             .in(request_.disk)
                             .because(ETIMEDOUT));
}

Result<void> JobWatch::wait_for_news(const JobState& state) {
  if (around_.stop.stop_requested()) {
    return std::unexpected(make_error(ErrorKind::interrupted, "interrupted").in(request_.disk));
  }
  const auto at = Clock::now();
  if (at >= *deadline_) {
    QC_TRY(at_deadline(state));
  }
  const auto event = QC_TRY(around_.machine.next_event(std::min(*deadline_, at + progress_interval), around_.stop));
  if (event && event->kind == Event::Kind::stopped) {
    guest_stopped_ = true;
  }
  return {};
}

Result<JobState> JobWatch::until(Phase wanted) {
  if (!deadline_) {
    deadline_ = request_.timeout.count() > 0 ? Clock::now() + request_.timeout : Clock::time_point::max();
  }
  while (true) {
    JobState state = QC_TRY(now());
    show(state);
    if (state.phase == wanted || state.is_over()) {
      return state;
    }
    QC_TRY(wait_for_news(state));
  }
}

Result<void> JobWatch::cancel() {
  QC_TRY(around_.machine.cancel(handle_));
  const auto end = Clock::now() + end_of_cancelling;
  while (!QC_TRY(now()).is_over()) {
    if (Clock::now() >= end) {
      return std::unexpected(make_error(ErrorKind::io, "the job does not end, though it is cancelled")
                                 .in(around_.machine.name())
                                 .because(ETIMEDOUT));
    }
    static_cast<void>(QC_TRY(around_.machine.next_event(std::min(end, Clock::now() + progress_interval), {})));
  }
  return around_.machine.dismiss(handle_);
}

}  // namespace qchain::live
