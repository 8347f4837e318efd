#pragma once

#include <chrono>
#include <functional>
#include <future>
#include <mutex>

namespace qchain::fusefs {

/// A value that is costly and never changes: found out when first asked for, then remembered. Thread-safe; who asks
/// while another is finding it out waits for that one's answer.
template <typename T>
class Remembered {
 public:
  /// The value if it is known, else null. Never waits.
  [[nodiscard]] const T* known() const {
    const std::scoped_lock lock(mutex_);
    const bool there = value_.valid() && value_.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
    return there ? &value_.get() : nullptr;
  }

  [[nodiscard]] const T& get(const std::function<T()>& find_out) {
    std::unique_lock lock(mutex_);
    if (value_.valid()) {
      lock.unlock();
      return value_.get();  // set once; reading it needs no lock
    }
    std::promise<T> promise;
    value_ = promise.get_future().share();
    lock.unlock();
    promise.set_value(find_out());
    return value_.get();
  }

 private:
  mutable std::mutex mutex_;
  std::shared_future<T> value_;  ///< set under mutex_, once
};

}  // namespace qchain::fusefs
