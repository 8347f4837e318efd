#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "qcow/core/error.h"
#include "qcow/core/range.h"

namespace qchain::fusefs {

/// A place that could not be read.
struct UnreadablePlace {
  std::string file;  ///< layer's file at fault
  Range guest;       ///< bytes of the view; from where reading failed up to the end of the extent
};

/// Says once for each place why it can't be read, and stops after 1,000 places: a broken image must not fill a log.
/// Thread-safe.
class Reporter {
 public:
  using Sink = std::function<void(const std::string& line)>;
  static constexpr std::size_t max_places = 1000;

  explicit Reporter(Sink sink) : sink_(std::move(sink)) {}

  void unreadable(const UnreadablePlace& place, const Error& error);
  void say(const std::string& line) { sink_(line); }

 private:
  enum class Verdict : std::uint8_t { say_it, say_enough, silent };
  [[nodiscard]] Verdict judge(const UnreadablePlace& place);

  Sink sink_;
  std::mutex mutex_;
  std::map<std::string, std::map<std::uint64_t, std::uint64_t>> seen_;  ///< file: start: end; guarded by mutex_
  std::size_t said_ = 0;                                                ///< guarded by mutex_
};

/// Lines on stderr, each with "qchain: " before it.
[[nodiscard]] Reporter::Sink stderr_sink();
/// Lines to syslog as daemon.warning of "qchain".
[[nodiscard]] Reporter::Sink syslog_sink();

}  // namespace qchain::fusefs
