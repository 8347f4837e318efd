#pragma once

#include <sys/types.h>

#include <cstdint>

#include "qcow/storage/unique_fd.h"
#include "tests/support/process.h"

namespace qchain::test {

/// Where a child's stderr goes.
enum class ErrorPipe : std::uint8_t {
  wide,    ///< it never waits for who reads
  narrow,  ///< takes some seven lines: the child stands still where it says more than is read
};

/// A process that is being watched; killed at the end of this object if it still runs.
class Child {
 public:
  /// Throws std::system_error where it can't be started.
  explicit Child(const Arguments& argv, ErrorPipe errors = ErrorPipe::wide);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  void send(int signal) const;
  /// Until no signal that was sent waits to be taken. For those that the child takes by a signalfd, too.
  void wait_until_signals_are_taken() const;
  /// Waits for the next line on stderr, without its end; empty at the end of the stream.
  [[nodiscard]] std::string read_error_line();
  /// The rest of stderr.
  [[nodiscard]] std::string read_errors();
  /// Waits for the end: exit status, or 128 + signal. Its stderr must be small or read before.
  [[nodiscard]] int wait();

 private:
  pid_t pid_ = -1;
  UniqueFd errors_;
};

/// Runs a command and kills it as its main thread enters the `number`th (from 0) system call that changes a file. The
/// call, which is not executed any more, or empty where the command came to its end. Throws std::system_error where
/// this machine doesn't let processes be traced.
[[nodiscard]] std::string kill_at_change(const Arguments& argv, std::uint64_t number);

}  // namespace qchain::test
