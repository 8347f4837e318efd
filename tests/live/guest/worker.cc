#include "tests/live/guest/worker.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace qchain::guest {
namespace {

constexpr Generation operations_between_flushes = 50;

std::uint64_t setting(const std::string& line, const std::string& name, std::uint64_t fallback) {
  const std::string key = "guest." + name + "=";
  const auto at = line.find(key);
  return at == std::string::npos ? fallback : std::strtoull(line.c_str() + at + key.size(), nullptr, 10);
}

template <typename Work>
void measure(std::chrono::microseconds& longest, const Work& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  longest = std::max(longest,
                     std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start));
}

std::string value(const char* name, std::uint64_t number) {
  return std::string(" ") + name + "=" + std::to_string(number);
}

std::string taken(const char* name, std::chrono::microseconds& longest) {
  return value(name, static_cast<std::uint64_t>(std::exchange(longest, {}).count()));
}

}  // namespace

Settings read_settings(const std::string& command_line) {
  const Settings defaults;
  return {.seed = setting(command_line, "seed", defaults.seed),
          .start = static_cast<Generation>(setting(command_line, "start", defaults.start)),
          .fill = static_cast<Generation>(setting(command_line, "fill", defaults.fill)),
          .rate = setting(command_line, "rate", defaults.rate),
          .learn = setting(command_line, "learn", 0) != 0,
          .paused = setting(command_line, "paused", 0) != 0};
}

Worker::Worker(Disk& disk, SerialLine& line, const Settings& settings)
    : disk_(disk),
      line_(line),
      settings_(settings),
      workload_{.seed = settings.seed, .blocks = disk.blocks(), .fill = settings.fill},
      done_(settings.start),
      flushed_(settings.start) {}

void Worker::begin() {
  if (settings_.learn) {
    disk_.learn();
  } else {
    for (Generation number = 1; number <= done_; ++number) {
      disk_.expect(workload_.operation(number), number);
    }
  }
  say("ready", value("blocks", disk_.blocks()) + value("ops", done_) + value("errors", disk_.errors()));
}

void Worker::say(const std::string& what, const std::string& values) {
  const std::string error = disk_.take_first_error();
  if (!error.empty()) {
    line_.say("error " + error);
  }
  line_.say(what + values);
}

void Worker::step() {
  const auto command = line_.hear(wait_milliseconds());
  if (command) {
    obey(*command);
  } else if (!settings_.paused && Clock::now() >= next_) {
    operate();
    if (done_ - flushed_ >= operations_between_flushes) {
      flush();
      say("flushed", " " + std::to_string(flushed_));
    }
  }
}

int Worker::wait_milliseconds() const {
  if (settings_.paused) {
    return 1000;
  }
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(next_ - Clock::now()).count();
  return static_cast<int>(std::max<decltype(left)>(left, 0));
}

void Worker::operate() {
  const auto now = Clock::now();
  // After a stall it goes on at its rate, and does not make up for what it missed.
  const auto pause = std::chrono::nanoseconds(settings_.rate == 0 ? 0 : 1'000'000'000 / settings_.rate);
  next_ = std::max(next_ + pause, now);
  ++done_;
  measure(stall_, [&] { disk_.perform(workload_.operation(done_), done_); });
}

void Worker::flush() {
  measure(flush_stall_, [&] { disk_.flush(); });
  flushed_ = done_;
}

void Worker::obey(const std::string& command) {
  const auto space = command.find(' ');
  const std::string verb = command.substr(0, space);
  const std::uint64_t number = space == std::string::npos ? 0 : std::strtoull(command.c_str() + space, nullptr, 10);
  if (verb == "verify") {
    disk_.verify();
    say(verb, value("blocks", disk_.blocks()) + value("errors", disk_.errors()));
  } else if (verb == "report") {
    say(verb, value("ops", done_) + value("flushed", flushed_) + value("errors", disk_.errors()) +
                  taken("stall_us", stall_) + taken("flush_us", flush_stall_));
  } else if (verb == "rate") {
    settings_.rate = number;
    say(verb, value("rate", number));
  } else if (verb == "run") {
    for (const Generation end = done_ + static_cast<Generation>(number); done_ < end;) {
      operate();
    }
    flush();
    settings_.paused = true;
    say(verb, value("ops", done_) + value("errors", disk_.errors()));
  } else if (verb == "pause" || verb == "flush") {
    flush();
    settings_.paused = settings_.paused || verb == "pause";
    say(verb, value("ops", done_) + value("errors", disk_.errors()));
  } else if (verb == "resume") {
    settings_.paused = false;
    next_ = Clock::now();
    say(verb, value("ops", done_));
  } else {
    say("unknown", " " + command);
  }
}

}  // namespace qchain::guest
