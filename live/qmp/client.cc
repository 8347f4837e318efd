#include "live/qmp/client.h"

#include <fmt/format.h>

#include <cerrno>

#include "live/qmp/json_text.h"

namespace qchain::live::qmp {
namespace {

/// More than any guest causes between two commands; an end to what a broken peer can make us keep.
constexpr std::size_t max_waiting_events = 65'536;

/// What QEMU had still to say to a client that was cut off reaches the next one before its greeting.
bool is_of_an_earlier_client(const Json& message) {
  return message.contains("event") || message.contains("return") || message.contains("error");
}

}  // namespace

Result<std::unique_ptr<Client>> Client::open(LineSocket socket, Options options) {
  std::unique_ptr<Client> client(new Client(std::move(socket), options));
  QC_TRY(client->greet());
  return client;
}

std::unexpected<Error> Client::silent(const std::string& at) const {
  const auto seconds = std::chrono::duration<double>(options_.reply_timeout).count();
  return std::unexpected(
      make_error(ErrorKind::io, fmt::format("no answer to {} in {:.3g} seconds", at, seconds))
          .in(name())
          .because(ETIMEDOUT)
          .advise("another client may hold the monitor (QEMU talks to one at a time), or QEMU hangs"));
}

Result<void> Client::greet() {
  const auto until = Clock::now() + options_.reply_timeout;
  auto greeting = QC_TRY(receive(until, {}));
  while (greeting && is_of_an_earlier_client(*greeting)) {
    greeting = QC_TRY(receive(until, {}));
  }
  if (!greeting) {
    return silent("the connection");
  }
  if (!greeting->contains("QMP")) {
    return std::unexpected(make_error(ErrorKind::unsupported, "does not speak QMP").in(name()));
  }
  const Json version = greeting->value(Json::json_pointer("/QMP/version/qemu"), Json::object());
  version_ = static_cast<int>(number_of(version, "major") % 1000 * 100 + number_of(version, "minor") % 100);
  const Answer answer = QC_TRY(execute("qmp_capabilities"));
  if (!answer) {
    return std::unexpected(make_error(ErrorKind::unsupported, answer.error().text).in(name()));
  }
  return {};
}

Result<std::optional<Json>> Client::receive(Clock::time_point until, const std::stop_token& stop) {
  const auto line = QC_TRY(socket_.receive(until, stop));
  if (!line) {
    return std::nullopt;
  }
  Json message = Json::parse(*line, nullptr, /*allow_exceptions=*/false);
  if (!message.is_object()) {
    return std::unexpected(make_error(ErrorKind::unsupported, "does not speak QMP").in(name()));
  }
  return message;
}

Result<Answer> Client::execute(const std::string& command, Json arguments) {
  const std::uint64_t id = ++last_id_;
  const auto until = Clock::now() + options_.reply_timeout;
  const Json request{{"execute", command}, {"arguments", std::move(arguments)}, {"id", id}};
  // File names are any bytes, JSON is UTF-8: a name that is not can't be said in QMP.
  try {
    QC_TRY(socket_.send(request.dump(), until));
  } catch (const Json::type_error&) {
    return std::unexpected(make_error(ErrorKind::unsupported, "a file name is not UTF-8").in(name()));
  }
  return answer_to(id, command, until);
}

Result<Answer> Client::answer_to(std::uint64_t id, const std::string& command, Clock::time_point until) {
  while (auto message = QC_TRY(receive(until, {}))) {
    if (message->contains("event")) {
      if (events_.size() == max_waiting_events) {
        return std::unexpected(make_error(ErrorKind::limit, "sends events without an end").in(name()));
      }
      events_.push_back(*std::move(message));
      continue;
    }
    if (message->value("id", Json()) != id) {
      continue;  // a late answer to what an earlier client asked
    }
    if (const auto error = message->find("error"); error != message->end()) {
      return Answer(std::unexpected(Refusal{.error_class = text_of(*error, "class"), .text = text_of(*error, "desc")}));
    }
    return Answer(message->value("return", Json()));
  }
  return silent("'" + command + "'");
}

Result<std::optional<Json>> Client::next_event(Clock::time_point until, const std::stop_token& stop) {
  if (!events_.empty()) {
    Json event = std::move(events_.front());
    events_.pop_front();
    return event;
  }
  while (auto message = QC_TRY(receive(until, stop))) {
    if (message->contains("event")) {
      return message;
    }
  }
  return std::nullopt;
}

}  // namespace qchain::live::qmp
