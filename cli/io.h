#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <iosfwd>

namespace qchain::cli {

/// Everything a command says goes through here, so that tests can run one in-process and look at what it said.
struct Io {
  using Clock = std::chrono::steady_clock;

  std::ostream& out;       ///< results
  std::ostream& err;       ///< errors, messages and progress
  bool terminal = false;   ///< whether `err` is a terminal: progress may redraw a line
  std::size_t width = 80;  ///< columns of that terminal
  std::function<Clock::time_point()> now = Clock::now;
};

}  // namespace qchain::cli
