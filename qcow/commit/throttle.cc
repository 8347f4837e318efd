#include "qcow/commit/throttle.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

namespace qchain {

void Throttle::spend(std::uint64_t bytes, const std::stop_token& stop) {
  if (rate_ == 0) {
    return;
  }
  constexpr auto most_credit = std::chrono::milliseconds(100);
  const std::chrono::duration<double> cost(static_cast<double>(bytes) / static_cast<double>(rate_));
  Clock::time_point due;
  {
    const std::scoped_lock lock(mutex_);
    due_ = std::max(due_, Clock::now() - most_credit) + std::chrono::duration_cast<Clock::duration>(cost);
    due = due_;
  }
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any woken;
  woken.wait_until(lock, stop, due, [] { return false; });
}

}  // namespace qchain
