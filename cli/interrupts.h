#pragma once

#include <csignal>
#include <stop_token>
#include <thread>

#include "qcow/storage/unique_fd.h"

namespace qchain::cli {

/// While it lives, SIGINT and SIGTERM do not end the process but request a stop. Made before other threads are, so that
/// they block the signals too.
class Interrupts {
 public:
  Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;
  ~Interrupts();

  [[nodiscard]] std::stop_token token() const noexcept { return source_.get_token(); }

 private:
  void wait();

  sigset_t before_{};  ///< signals that were blocked
  UniqueFd signals_;   ///< signalfd
  UniqueFd end_;       ///< eventfd: the object is going away
  std::stop_source source_;
  std::jthread waiter_;  ///< last: the others are there before it starts
};

}  // namespace qchain::cli
