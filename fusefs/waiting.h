#pragma once

#include <atomic>
#include <utility>

namespace qchain::fusefs {

/// One of those that wait, or may have to, counted for as long as it lives. The count outlives it.
class Waiting {
 public:
  explicit Waiting(std::atomic<unsigned>& count) noexcept : count_(&count) { ++*count_; }
  Waiting(Waiting&& other) noexcept : count_(std::exchange(other.count_, nullptr)) {}
  Waiting& operator=(Waiting&&) = delete;
  ~Waiting() { end(); }

  void end() noexcept {
    if (count_ != nullptr) {
      --*std::exchange(count_, nullptr);
    }
  }

 private:
  std::atomic<unsigned>* count_;
};

}  // namespace qchain::fusefs
