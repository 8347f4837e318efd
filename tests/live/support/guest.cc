#include "tests/live/support/guest.h"

#include <sstream>
#include <stdexcept>

namespace qchain::test {
namespace {

constexpr auto patience = std::chrono::milliseconds(Seconds(240));

/// "verb key=1 other=2"
Guest::Answer values_of(const std::string& line) {
  Guest::Answer values;
  std::istringstream words(line);
  for (std::string word; words >> word;) {
    const auto equals = word.find('=');
    if (equals != std::string::npos) {
      values[word.substr(0, equals)] = std::stoull(word.substr(equals + 1));
    }
  }
  return values;
}

}  // namespace

std::string Guest::hear(std::chrono::milliseconds limit) {
  auto line = line_.receive(limit);
  if (!line) {
    throw std::runtime_error("the guest is silent");
  }
  note(*line);
  return *line;
}

void Guest::note(const std::string& line) {
  if (line.starts_with("flushed ")) {
    flushed_ = static_cast<guest::Generation>(std::stoul(line.substr(8)));
  } else if (line.starts_with("error ") && first_error_.empty()) {
    first_error_ = line.substr(6);
  } else if (line.contains("Kernel panic")) {
    throw std::runtime_error("the guest's kernel gave up: " + line);
  }
}

Guest::Answer Guest::wait_for(const std::string& word) {
  while (true) {
    const std::string line = hear(patience);
    if (line.starts_with(word + " ")) {
      return values_of(line);
    }
    if (line.starts_with("error no disk")) {
      throw std::runtime_error("the guest has " + line.substr(6));
    }
  }
}

void Guest::wait_until_ready() {
  blocks_ = wait_for("ready")["blocks"];
}

Guest::Answer Guest::ask(const std::string& command) {
  line_.send(command);
  return wait_for(command.substr(0, command.find(' ')));
}

std::uint64_t Guest::verify() {
  return ask("verify")["errors"];
}

Guest::Report Guest::report() {
  Answer answer = ask("report");
  return {.done = static_cast<guest::Generation>(answer["ops"]),
          .errors = answer["errors"],
          .stall = std::chrono::microseconds(answer["stall_us"]),
          .flush = std::chrono::microseconds(answer["flush_us"])};
}

guest::Generation Guest::pause() {
  flushed_ = static_cast<guest::Generation>(ask("pause")["ops"]);
  return flushed_;
}

guest::Generation Guest::run(guest::Generation operations) {
  flushed_ = static_cast<guest::Generation>(ask("run " + std::to_string(operations))["ops"]);
  return flushed_;
}

void Guest::work(guest::Generation operations) {
  const guest::Generation goal = static_cast<guest::Generation>(ask("report")["ops"]) + operations;
  while (flushed_ < goal) {
    hear(patience);
  }
}

guest::Generation Guest::flushed() {
  try {
    while (const auto line = line_.receive(std::chrono::milliseconds(0))) {
      note(*line);
    }
  } catch (const std::runtime_error&) {  // the end of a machine that was killed
  }
  return flushed_;
}

}  // namespace qchain::test
