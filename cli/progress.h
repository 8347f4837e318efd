#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "cli/io.h"

namespace CLI {
class App;
}

namespace qchain::cli {

/// What of the progress of a long command is shown. All of it goes to stderr.
enum class ProgressStyle : std::uint8_t {
  automatic,  ///< a bar on a terminal, silence otherwise
  json,       ///< one object a line
  verbose,    ///< one line a percent, as virsh prints them
};

/// Adds --progress and --verbose.
void add_progress(CLI::App& app, ProgressStyle& style);

/// Shows how far a command has come. Not thread-safe. What it drew is cleared or ended when it is destroyed.
class Progress {
 public:
  /// `label`: what is being done, "Copy".
  Progress(Io& io, ProgressStyle style, std::string label);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();

  /// `done` of `total` bytes, done never less than before. Cheap enough to be called for every buffer.
  void update(std::uint64_t done, std::uint64_t total);

 private:
  struct Sample {
    Io::Clock::time_point time;
    std::uint64_t done;
  };

  void remember(Io::Clock::time_point now, std::uint64_t done);
  [[nodiscard]] double bytes_per_second() const;
  /// Seconds, or nothing while the rate is not known.
  [[nodiscard]] std::optional<std::uint64_t> seconds_left() const;
  [[nodiscard]] double percent() const;
  void draw_bar();
  void print_json_line();
  void print_verbose_line();

  Io& io_;
  ProgressStyle style_;
  std::string label_;
  std::uint64_t done_ = 0;
  std::uint64_t total_ = 0;
  std::deque<Sample> samples_;  ///< of the last few seconds
  std::optional<Io::Clock::time_point> shown_;
  int shown_percent_ = -1;
};

}  // namespace qchain::cli
