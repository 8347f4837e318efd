#pragma once

#include <deque>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <stop_token>
#include <string>

#include "live/qmp/line_socket.h"

/// Inside of the QMP rooms: commands, their answers, and events.
namespace qchain::live::qmp {

using Json = nlohmann::json;

/// What QEMU answers instead of a result.
struct Refusal {
  std::string error_class;  ///< "GenericError", "DeviceNotFound", …
  std::string text;         ///< in QEMU's words
};

/// A command's result, or what QEMU says against it.
using Answer = std::expected<Json, Refusal>;

/// A connection to QEMU's monitor. Every command waits for its own answer, by its id, for a bounded time; what comes
/// between is kept: events in their order. After an error (not a refusal) only destruction. One thread.
class Client {
 public:
  struct Options {
    std::chrono::milliseconds reply_timeout{60'000};  ///< of the greeting, and of every command
  };

  /// Waits for the greeting and leaves the negotiation. Errors: io (closed, or ETIMEDOUT: silent), unsupported (no
  /// QMP).
  [[nodiscard]] static Result<std::unique_ptr<Client>> open(LineSocket socket, Options options);
  [[nodiscard]] static Result<std::unique_ptr<Client>> open(LineSocket socket) { return open(std::move(socket), {}); }

  [[nodiscard]] const std::string& name() const noexcept { return socket_.name(); }
  [[nodiscard]] pid_t peer() const noexcept { return socket_.peer(); }
  /// QEMU's version, major * 100 + minor: 702.
  [[nodiscard]] int version() const noexcept { return version_; }

  /// Errors: io, limit, unsupported (an answer that is no QMP).
  [[nodiscard]] Result<Answer> execute(const std::string& command, Json arguments = Json::object());

  /// The next event, as QEMU sent it; nothing when `until` has passed or a stop is asked for. Errors: as execute().
  [[nodiscard]] Result<std::optional<Json>> next_event(Clock::time_point until, const std::stop_token& stop);

 private:
  Client(LineSocket socket, Options options) : socket_(std::move(socket)), options_(options) {}
  [[nodiscard]] Result<void> greet();
  [[nodiscard]] Result<std::optional<Json>> receive(Clock::time_point until, const std::stop_token& stop);
  [[nodiscard]] Result<Answer> answer_to(std::uint64_t id, const std::string& command, Clock::time_point until);
  [[nodiscard]] std::unexpected<Error> silent(const std::string& at) const;

  LineSocket socket_;
  Options options_;
  int version_ = 0;
  std::uint64_t last_id_ = 0;
  std::deque<Json> events_;
};

}  // namespace qchain::live::qmp
