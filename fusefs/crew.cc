#include "fusefs/crew.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>

namespace qchain::fusefs {
namespace {

constexpr int interruption = SIGUSR1;

/// Not default (it ends the process), and not with SA_RESTART: a read that waits shall end.
void have_interruptions_end_waiting() {
  struct sigaction action{};
  action.sa_handler = [](int) {};
  ::sigaction(interruption, &action, nullptr);
}

void let_through(int signal) {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, signal);
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

}  // namespace

Crew::Crew(unsigned usual) : usual_(usual) {}

unsigned Crew::usual_number() noexcept {
  cpu_set_t processors;
  const bool is_told = ::sched_getaffinity(0, sizeof processors, &processors) == 0;
  return std::min(is_told ? static_cast<unsigned>(CPU_COUNT(&processors)) + 1 : most, most);
}

Result<void> Crew::start(TakeOne take_one, std::function<void()> on_end) {
  take_one_ = std::move(take_one);
  on_end_ = std::move(on_end);
  have_interruptions_end_waiting();
  const std::scoped_lock lock(mutex_);
  threads_.reserve(most);
  while (threads_.size() < usual_ && add_thread()) {
  }
  if (threads_.empty()) {
    return fail_errno(EAGAIN, "cannot start a thread", "");
  }
  return {};
}

bool Crew::add_thread() noexcept {
  try {
    threads_.emplace_back([this] { work(); });
    ++running_;
    ++at_work_;
    return true;
  } catch (const std::system_error&) {
    return false;
  }
}

void Crew::work() {
  let_through(interruption);
  while (!stopping_ && take_one_()) {
    rest_if_too_many();
  }
  if (!stopping_) {
    on_end_();
  }
  const std::scoped_lock lock(mutex_);
  --running_;
  ended_.notify_all();
}

// Who begins to wait counts itself and then looks at at_work_; who rests lowers at_work_ and then looks at those who
// wait. So one of the two sees the other, and there always is somebody to take requests.
void Crew::rest_if_too_many() {
  if (at_work_ <= usual_ + waiting_) {
    return;
  }
  std::unique_lock lock(mutex_);
  if (at_work_ <= usual_ + waiting_) {
    return;
  }
  --at_work_;
  if (waiting_ >= at_work_) {
    ++at_work_;
    return;
  }
  ++resting_;
  called_up_.wait(lock, [this] { return called_ > 0 || stopping_; });
  --resting_;
  called_ -= called_ > 0 ? 1 : 0;
}

Waiting Crew::begin_waiting() {
  Waiting one(waiting_);
  if (waiting_ >= at_work_ && at_work_ < most) {
    call_up();
  }
  return one;
}

void Crew::call_up() {
  const std::scoped_lock lock(mutex_);
  if (waiting_ < at_work_ || stopping_) {
    return;
  }
  if (resting_ > called_) {
    ++called_;
    ++at_work_;
    called_up_.notify_one();
  } else if (running_ > 0 && threads_.size() < most) {
    static_cast<void>(add_thread());
  }
}

void Crew::interrupt_all() {
  for (std::jthread& thread : threads_) {
    ::pthread_kill(thread.native_handle(), interruption);
  }
}

// A thread may be about to wait when it is interrupted: so again, until all have noticed.
void Crew::stop() {
  std::unique_lock lock(mutex_);
  stopping_ = true;
  called_up_.notify_all();
  do {
    interrupt_all();
  } while (!ended_.wait_for(lock, std::chrono::milliseconds(10), [this] { return running_ == 0; }));
  lock.unlock();
  threads_.clear();
}

}  // namespace qchain::fusefs
