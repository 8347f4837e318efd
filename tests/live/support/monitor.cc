#include "tests/live/support/monitor.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace qchain::test {
namespace {

using nlohmann::json;

constexpr auto patience = std::chrono::milliseconds(Seconds(120));

}  // namespace

Monitor::Monitor(LineSocket line) : line_(std::move(line)) {
  receive();  // the greeting
  execute("qmp_capabilities");
}

Monitor::~Monitor() = default;
Monitor::Monitor(Monitor&&) noexcept = default;

json Monitor::receive() {
  const auto line = line_.receive(patience);
  if (!line) {
    throw std::runtime_error("QEMU is silent");
  }
  json message = json::parse(*line);
  if (message.contains("event")) {
    events_.push_back(message);
  }
  return message;
}

json Monitor::execute(const std::string& command) {
  return execute(command, json::object());
}

json Monitor::execute(const std::string& command, const json& arguments) {
  line_.send(json{{"execute", command}, {"arguments", arguments}}.dump());
  while (true) {
    const json answer = receive();
    if (answer.contains("error")) {
      throw std::runtime_error(command + ": " + answer["error"]["desc"].get<std::string>());
    }
    if (answer.contains("return")) {
      return answer["return"];
    }
  }
}

json Monitor::wait_for(const std::string& event) {
  while (true) {
    while (seen_ == events_.size()) {
      receive();
    }
    const json& next = events_[seen_++];
    if (next["event"] == event) {
      return next;
    }
  }
}

std::size_t Monitor::count(const std::string& event) {
  execute("query-status");  // whatever came before its answer has been read then
  return static_cast<std::size_t>(std::ranges::count_if(events_, [&](const json& e) { return e["event"] == event; }));
}

std::string Monitor::wait_until_concluded(const std::string& job) {
  while (true) {
    const json change = wait_for("JOB_STATUS_CHANGE");
    if (change["data"]["id"] == job && change["data"]["status"] == "concluded") {
      break;
    }
  }
  for (const json& known : execute("query-jobs")) {
    if (known["id"] == job) {
      return known.value("error", std::string());
    }
  }
  return {};
}

}  // namespace qchain::test
