#pragma once

#include <deque>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/live/support/line_socket.h"

namespace qchain::test {

/// The tests' own QMP monitor of a virtual machine, beside the one that qchain uses: it sees every event, and can do
/// what qchain would never do. All throw std::runtime_error where QEMU refuses, is silent, or went away.
class Monitor {
 public:
  explicit Monitor(LineSocket line);
  ~Monitor();
  Monitor(Monitor&&) noexcept;
  Monitor& operator=(Monitor&&) = delete;
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  /// What the command returns.
  nlohmann::json execute(const std::string& command, const nlohmann::json& arguments);
  nlohmann::json execute(const std::string& command);
  /// The next event of this name, also one that came before; those before it stay to be counted.
  nlohmann::json wait_for(const std::string& event);
  /// How many events of this name have come so far.
  [[nodiscard]] std::size_t count(const std::string& event);
  /// Until a job is over; the reason of its failure, empty without one.
  std::string wait_until_concluded(const std::string& job);

 private:
  nlohmann::json receive();

  LineSocket line_;
  std::deque<nlohmann::json> events_;
  std::size_t seen_ = 0;  ///< events that wait_for() has passed
};

}  // namespace qchain::test
