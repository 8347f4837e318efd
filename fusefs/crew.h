#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "fusefs/waiting.h"
#include "qcow/core/error.h"

namespace qchain::fusefs {

/// The threads that answer a mount's requests. One more than there are processors take them: with fewer, a reader often
/// has to wake one on another processor than its own, and more are only woken in turns. Where all of these wait for
/// something else (a disk, an inflated cluster), another one takes requests in their place, so that whatever one reader
/// waits for, the others are answered; afterwards one rests again.
/// Thread-safe, but for start() and stop(), which belong to the thread that made it.
class Crew {
 public:
  /// Waits for a request and answers it. False where there are no more to come. Ends at once with true when a signal
  /// arrives.
  using TakeOne = std::function<bool()>;

  static constexpr unsigned most = 16;  ///< resident_budget in mount.h counts on this number

  explicit Crew(unsigned usual = usual_number());
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;
  ~Crew() { stop(); }

  /// Once. `on_end`: called by one of the threads, or by several, when there are no more requests to come.
  /// Errors: io, where not even one thread can be had.
  [[nodiscard]] Result<void> start(TakeOne take_one, std::function<void()> on_end);
  /// Interrupts who waits for a request (by SIGUSR1, whose handler start() sets), and ends when all threads have.
  void stop();

  /// The calling thread may have to wait now, for anything but the next request.
  [[nodiscard]] Waiting begin_waiting();
  /// How many do.
  [[nodiscard]] unsigned waiting() const noexcept { return waiting_; }
  /// Whether others seem to take requests if the calling thread waits. A hint: begin_waiting() is then cheap.
  [[nodiscard]] bool can_spare_one() const noexcept { return waiting_ + 1 < at_work_; }

  /// One more than the processors that the calling thread may use, at most `most`.
  [[nodiscard]] static unsigned usual_number() noexcept;

 private:
  void work();
  void rest_if_too_many();
  void call_up();
  [[nodiscard]] bool add_thread() noexcept;
  void interrupt_all();

  unsigned usual_;
  TakeOne take_one_;
  std::function<void()> on_end_;
  std::atomic<unsigned> at_work_ = 0;  ///< all but those that rest; changed under mutex_
  std::atomic<unsigned> waiting_ = 0;  ///< of these, not for a request
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;  ///< guards what follows
  std::condition_variable called_up_;
  std::condition_variable ended_;
  unsigned resting_ = 0;
  unsigned called_ = 0;   ///< of those that rest, and have not noticed yet
  unsigned running_ = 0;  ///< that have not ended
  std::vector<std::jthread> threads_;
};

}  // namespace qchain::fusefs
