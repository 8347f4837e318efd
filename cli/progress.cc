#include "cli/progress.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/human.h"
#include "cli/word_option.h"

namespace qchain::cli {
namespace {

using namespace std::chrono_literals;

constexpr auto rate_window = 5s;  ///< the rate is that of the last seconds: it follows a disk that slows down
constexpr auto bar_interval = 100ms;
constexpr auto json_interval = 1s;
constexpr std::size_t widest_bar = 40;

double seconds_of(Io::Clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

void add_progress(CLI::App& app, ProgressStyle& style) {
  auto* progress = add_word_option<ProgressStyle>(app, "--progress", style, {{"json", ProgressStyle::json}},
                                                  "Progress for programs: one object a line on stderr");
  app.add_flag_callback(
         "--verbose", [&style] { style = ProgressStyle::verbose; }, "Progress as lines such as '[ 42 %]' on stderr")
      ->excludes(progress);
}

Progress::Progress(Io& io, ProgressStyle style, std::string label) : io_(io), style_(style), label_(std::move(label)) {}

Progress::~Progress() {
  if (style_ == ProgressStyle::automatic && shown_) {
    io_.err << "\r\x1b[K" << std::flush;  // the bar goes: what follows is the summary or an error
  }
}

void Progress::update(std::uint64_t done, std::uint64_t total) {
  const auto now = io_.now();
  done_ = std::min(done, total);
  total_ = total;
  remember(now, done_);
  const bool finished = done_ == total_;
  switch (style_) {
    case ProgressStyle::automatic:
      if (io_.terminal && (!shown_ || now - *shown_ >= bar_interval)) {
        shown_ = now;
        draw_bar();
      }
      break;
    case ProgressStyle::json:
      if (!shown_ || now - *shown_ >= json_interval || (finished && shown_percent_ != 100)) {
        shown_ = now;
        print_json_line();
      }
      break;
    case ProgressStyle::verbose:
      print_verbose_line();
      break;
  }
}

void Progress::remember(Io::Clock::time_point now, std::uint64_t done) {
  if (!samples_.empty() && now - samples_.back().time < bar_interval) {
    return;
  }
  samples_.push_back({now, done});
  while (samples_.size() > 2 && now - samples_[1].time >= rate_window) {
    samples_.pop_front();
  }
}

double Progress::bytes_per_second() const {
  if (samples_.size() < 2) {
    return 0;
  }
  const double seconds = seconds_of(samples_.back().time - samples_.front().time);
  return static_cast<double>(samples_.back().done - samples_.front().done) / seconds;
}

std::optional<std::uint64_t> Progress::seconds_left() const {
  constexpr double longest = 1e6;  // more than eleven days: nobody waits, and the rate means nothing
  const double rate = bytes_per_second();
  const double left = rate > 0 ? static_cast<double>(total_ - done_) / rate : longest;
  return left < longest ? std::optional(static_cast<std::uint64_t>(std::llround(left))) : std::nullopt;
}

double Progress::percent() const {
  return total_ == 0 ? 100.0 : 100.0 * static_cast<double>(done_) / static_cast<double>(total_);
}

// "Copy  42 % [#########.......]   1.7 GiB of 4 GiB   812 MiB/s  0:03 left"; a narrow terminal gets less of it.
void Progress::draw_bar() {
  const auto left = seconds_left();
  const std::string before = fmt::format("{} {:3.0f} % ", label_, std::floor(percent()));
  const std::string amount = fmt::format("  {:>8} of {}", size_text(done_), size_text(total_));
  const std::string rate = fmt::format("  {:>8}/s  {}", size_text(static_cast<std::uint64_t>(bytes_per_second())),
                                       left ? duration_text(*left) + " left" : "");
  const std::size_t room = std::max<std::size_t>(io_.width, 1) - 1;  // the last column would wrap on some terminals
  std::string line = before + amount + rate;
  if (line.size() > room) {
    line = (before + rate).substr(0, room);
  } else if (line.size() + 8 < room) {
    const std::size_t width = std::min(widest_bar, room - line.size() - 2);
    const auto filled = static_cast<std::size_t>(percent() / 100 * static_cast<double>(width));
    line = before + '[' + std::string(filled, '#') + std::string(width - filled, '.') + ']' + amount + rate;
  }
  io_.err << '\r' << line << "\x1b[K" << std::flush;
}

void Progress::print_json_line() {
  shown_percent_ = static_cast<int>(percent());
  nlohmann::ordered_json line = {{"progress", label_},
                                 {"done", done_},
                                 {"total", total_},
                                 {"percent", std::round(percent() * 10) / 10},
                                 {"bytes-per-second", static_cast<std::uint64_t>(bytes_per_second())}};
  if (const auto left = seconds_left()) {
    line["seconds-left"] = *left;
  }
  io_.err << line.dump() << '\n' << std::flush;
}

void Progress::print_verbose_line() {
  const int now = static_cast<int>(percent());
  if (now != shown_percent_) {
    shown_percent_ = now;
    io_.err << fmt::format("{}: [{:3} %]\n", label_, now) << std::flush;
  }
}

}  // namespace qchain::cli
