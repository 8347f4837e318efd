#include "tests/unit/live/fake_qemu.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

namespace qchain::test {

using Json = nlohmann::json;

FakeQemu::FakeQemu(Script script, std::string greeting_line)
    : script_(std::move(script)), greeting_(std::move(greeting_line)) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    throw std::runtime_error("no socket pair");
  }
  client_ = UniqueFd(ends[0]);
  server_ = UniqueFd(ends[1]);
  thread_ = std::jthread([this] { serve(); });
}

FakeQemu::~FakeQemu() {
  client_ = UniqueFd();
  ::shutdown(server_.get(), SHUT_RDWR);
}

live::qmp::LineSocket FakeQemu::take_socket() {
  return {std::move(client_), "fake.sock"};
}

bool FakeQemu::send(const std::string& bytes) const {
  return ::send(server_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

void FakeQemu::serve() {
  if (!greeting_.empty() && !send(greeting_ + "\r\n")) {
    return;
  }
  std::string received;
  std::array<char, 4096> bytes{};
  while (true) {
    const ssize_t count = ::recv(server_.get(), bytes.data(), bytes.size(), 0);
    if (count <= 0) {
      return;
    }
    received.append(bytes.data(), static_cast<std::size_t>(count));
    for (std::size_t end; (end = received.find('\n')) != std::string::npos; received.erase(0, end + 1)) {
      if (!answer(received.substr(0, end))) {
        ::shutdown(server_.get(), SHUT_RDWR);
        return;
      }
    }
  }
}

bool FakeQemu::answer(const std::string& line) {
  const Json request = Json::parse(line);
  const auto command = request.at("execute").get<std::string>();
  std::vector<Json> messages{returned()};
  if (command != "qmp_capabilities") {
    commands_.push_back(command);
    messages = script_(command, request.at("arguments"));
  }
  for (Json& message : messages) {
    if (message.is_null()) {
      return false;
    }
    if (message.is_object() && !message.contains("event") && !message.contains("id")) {
      message["id"] = request.at("id");
    }
    if (!send(message.is_string() ? message.get<std::string>() : message.dump() + "\r\n")) {
      return false;
    }
  }
  return true;
}

Json returned(Json value) {
  return {{"return", std::move(value)}};
}

Json refused(const std::string& text, const std::string& error_class) {
  return {{"error", {{"class", error_class}, {"desc", text}}}};
}

Json event(const std::string& name, Json data) {
  return {{"event", name}, {"data", std::move(data)}, {"timestamp", {{"seconds", 1}, {"microseconds", 2}}}};
}

}  // namespace qchain::test
