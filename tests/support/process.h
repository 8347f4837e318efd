#pragma once

#include <string>
#include <vector>

namespace qchain::test {

using Arguments = std::vector<std::string>;

struct ProcessResult {
  int status = -1;  ///< exit status, or 128 + signal
  std::string out;
  std::string err;
  [[nodiscard]] bool ok() const noexcept { return status == 0; }
};

/// Runs `argv` (found through PATH, no shell) in `folder` (empty: the present one), waits, and keeps what it printed.
/// Throws std::runtime_error when it can't be started: GoogleTest makes a failure of that.
[[nodiscard]] ProcessResult run(const Arguments& argv, const std::string& folder = {});

/// run(), and std::runtime_error with the command and its stderr unless the exit status is 0. Returns stdout.
std::string must_run(const Arguments& argv, const std::string& folder = {});

/// The command as one line that a shell takes.
[[nodiscard]] std::string shell_line(const Arguments& argv);

}  // namespace qchain::test
