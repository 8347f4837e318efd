#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <stop_token>

namespace qchain {

/// Thread-safe. Keeps a stream of bytes below a rate, measured from its start; a pause is not made up for by more than
/// a tenth of a second's worth.
class Throttle {
 public:
  /// Bytes a second; 0: no limit.
  explicit Throttle(std::uint64_t rate) : rate_(rate), due_(Clock::now()) {}

  /// Waits until `bytes` more may pass, or until `stop`.
  void spend(std::uint64_t bytes, const std::stop_token& stop);

 private:
  using Clock = std::chrono::steady_clock;
  std::uint64_t rate_;
  std::mutex mutex_;       ///< guards due_
  Clock::time_point due_;  ///< when the bytes spent so far have been paid for
};

}  // namespace qchain
