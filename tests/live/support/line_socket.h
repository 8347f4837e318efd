#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "qcow/storage/unique_fd.h"

namespace qchain::test {

using Seconds = std::chrono::seconds;

/// A stream socket that carries lines of text. All throw std::runtime_error where the other side went away.
class LineSocket {
 public:
  explicit LineSocket(UniqueFd socket) : socket_(std::move(socket)) {}

  void send(const std::string& line);
  /// The next line without its end; nothing where none comes in that time.
  [[nodiscard]] std::optional<std::string> receive(std::chrono::milliseconds limit);

 private:
  UniqueFd socket_;
  std::string received_;
};

/// A unix socket at `path` that a virtual machine connects to as it starts: there is no moment at which it could speak
/// and not be heard.
class LineListener {
 public:
  explicit LineListener(const std::string& path);
  /// Waits for the one who connects; std::runtime_error where process `who` ends before (0: anybody), or nobody comes.
  [[nodiscard]] LineSocket accept(pid_t who = 0) const;

 private:
  std::string path_;
  UniqueFd socket_;
};

}  // namespace qchain::test
