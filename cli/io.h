#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <iosfwd>

#include "sandbox/sandbox.h"

namespace qchain::cli {

/// Everything a command says goes through here, so that tests can run one in-process and look at what it said.
struct Io {
  using Clock = std::chrono::steady_clock;

  std::ostream& out;       ///< results
  std::ostream& err;       ///< errors, messages and progress
  bool terminal = false;   ///< whether `err` is a terminal: progress may redraw a line
  std::size_t width = 80;  ///< columns of that terminal
  std::function<Clock::time_point()> now = Clock::now;
  /// Whether a command may give up rights once its files are open: they are then lost to the whole process.
  sandbox::Confinement confinement = sandbox::Confinement::off;
};

}  // namespace qchain::cli
