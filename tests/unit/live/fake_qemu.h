#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "live/qmp/client.h"
#include "qcow/storage/unique_fd.h"

namespace qchain::test {

/// A QMP server that says what a test wants, in a thread, at the other end of a socket pair.
class FakeQemu {
 public:
  using Json = nlohmann::json;
  /// What to send for one command: whole messages, in this order. `id` is put into those that have no "event".
  using Script = std::function<std::vector<Json>(const std::string& command, const Json& arguments)>;
  static constexpr const char* greeting = R"({"QMP":{"version":{"qemu":{"major":7,"minor":2,"micro":0}}}})";

  /// Greets, accepts qmp_capabilities, then follows the script. A message that is a string is sent as it is, without an
  /// end of line; null closes the connection.
  explicit FakeQemu(Script script, std::string greeting_line = greeting);
  ~FakeQemu();

  /// The client's end; once.
  [[nodiscard]] live::qmp::LineSocket take_socket();
  /// All commands so far but qmp_capabilities; only after the client is gone.
  [[nodiscard]] const std::vector<std::string>& commands() const { return commands_; }

 private:
  void serve();
  bool answer(const std::string& line);
  bool send(const std::string& bytes) const;

  Script script_;
  std::string greeting_;
  UniqueFd client_;
  UniqueFd server_;
  std::vector<std::string> commands_;
  std::jthread thread_;
};

[[nodiscard]] nlohmann::json returned(nlohmann::json value = nlohmann::json::object());
[[nodiscard]] nlohmann::json refused(const std::string& text, const std::string& error_class = "GenericError");
[[nodiscard]] nlohmann::json event(const std::string& name, nlohmann::json data = nlohmann::json::object());

}  // namespace qchain::test
