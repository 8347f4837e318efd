#pragma once

#include <stop_token>
#include <thread>
#include <type_traits>

#include "live/machine.h"
#include "qcow/storage/unique_fd.h"

namespace qchain::live {

/// Libvirt's own event loop, run by hand for as long as something is waited for. There is one in a process. Must be
/// made before the first connection.
class EventLoop {
 public:
  EventLoop();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// Handles what comes, until `done` is true, `until` has passed or a stop is asked for.
  template <typename Done>
  void run(Clock::time_point until, const std::stop_token& stop, const Done& done) {
    const std::stop_callback waker(stop, [this] { wake(); });
    while (!done() && !stop.stop_requested() && Clock::now() < until) {
      run_once(until);
    }
  }

  /// Makes a call that waits for the daemon: only while the loop turns does libvirt notice one that is silent. What is
  /// heard meanwhile is handled in another thread, which has ended when this returns.
  template <typename Call>
  std::invoke_result_t<Call> while_turning(const Call& call) {
    const std::jthread turning(
        [this](const std::stop_token& stop) { run(Clock::time_point::max(), stop, [] { return false; }); });
    return call();
  }

 private:
  void wake() const noexcept;
  void run_once(Clock::time_point until) const;

  UniqueFd wake_;
  int watch_ = -1;
  int timer_ = -1;
};

}  // namespace qchain::live
