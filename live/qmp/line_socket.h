#pragma once

#include <cstddef>
#include <optional>
#include <stop_token>
#include <string>

#include "live/machine.h"
#include "qcow/storage/unique_fd.h"

/// Inside of the QMP rooms: lines of text over a stream socket, with a limit on everything.
namespace qchain::live::qmp {

/// A connected stream socket that carries one message a line. Nothing here waits longer than it is told to. One thread.
class LineSocket {
 public:
  /// A message longer than that is an error: QEMU's longest are some 100 KiB.
  static constexpr std::size_t max_line = std::size_t{16} << 20;

  /// Connects to the socket at `path`. Errors: not_found, permission, io; invalid_argument (a name that is too long).
  [[nodiscard]] static Result<LineSocket> connect(const std::string& path);
  /// Takes a connected socket; `name` is for messages.
  LineSocket(UniqueFd fd, std::string name);

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// Pid of the process at the other end when it began to listen, or 0.
  [[nodiscard]] pid_t peer() const noexcept;

  /// Errors: io (closed; ETIMEDOUT when it takes no more bytes until then).
  [[nodiscard]] Result<void> send(std::string line, Clock::time_point until);
  /// The next line without its end; nothing when `until` has passed or a stop is asked for. Errors: io (closed),
  /// limit (a line without end).
  [[nodiscard]] Result<std::optional<std::string>> receive(Clock::time_point until, const std::stop_token& stop);

 private:
  [[nodiscard]] std::optional<std::string> take_line();
  [[nodiscard]] Result<void> read_more();
  [[nodiscard]] std::unexpected<Error> closed() const;

  UniqueFd fd_;
  std::string name_;
  std::string buffer_;        ///< received, not yet taken
  std::size_t searched_ = 0;  ///< of buffer_: no end of a line in there
};

}  // namespace qchain::live::qmp
