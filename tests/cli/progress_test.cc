#include "cli/progress.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/cli/run_cli.h"

namespace qchain::cli {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;

constexpr std::uint64_t mib = 1 << 20;

/// A terminal, or none, and a clock that only the test moves.
struct Console {
  std::ostringstream out;
  std::ostringstream err;
  Io::Clock::time_point time;
  Io io{.out = out, .err = err, .terminal = false, .width = 80, .now = [this] { return time; }};

  std::string take() {
    std::string text = err.str();
    err.str("");
    return text;
  }
};

TEST(Progress, is_silent_without_a_terminal_and_without_flags) {
  Console console;
  {
    Progress progress(console.io, ProgressStyle::automatic, "Copy");
    progress.update(1, 2);
    progress.update(2, 2);
  }
  EXPECT_EQ(console.take(), "");
}

TEST(Progress, verbose_prints_one_line_a_percent) {
  Console console;
  Progress progress(console.io, ProgressStyle::verbose, "Copy");
  for (const std::uint64_t done : {0, 1, 421, 425, 430, 1000, 1000}) {
    progress.update(done, 1000);
  }
  EXPECT_EQ(console.take(), "Copy: [  0 %]\nCopy: [ 42 %]\nCopy: [ 43 %]\nCopy: [100 %]\n");
}

TEST(Progress, bar_shows_share_amount_rate_and_time_left) {
  Console console;
  console.io.terminal = true;
  Progress progress(console.io, ProgressStyle::automatic, "Copy");
  progress.update(0, 1000 * mib);
  console.take();
  console.time += 2s;
  progress.update(500 * mib, 1000 * mib);
  EXPECT_EQ(console.take(), "\rCopy  50 % [##########...........]   500 MiB of 1000 MiB   250 MiB/s  0:02 left\x1b[K");
}

TEST(Progress, bar_never_reaches_the_last_column) {
  for (std::size_t width = 1; width <= 200; ++width) {
    Console console;
    console.io.terminal = true;
    console.io.width = width;
    Progress progress(console.io, ProgressStyle::automatic, "Copy");
    progress.update(0, 1000 * mib);
    console.time += 1s;
    console.take();
    progress.update(123 * mib, 1000 * mib);
    const std::string line = console.take();
    EXPECT_LT(line.size() - std::string("\r\x1b[K").size(), width);
  }
}

TEST(Progress, bar_is_not_redrawn_more_often_than_the_eye_sees) {
  Console console;
  console.io.terminal = true;
  Progress progress(console.io, ProgressStyle::automatic, "Copy");
  progress.update(0, 100);
  console.take();
  console.time += 50ms;
  progress.update(1, 100);
  EXPECT_EQ(console.take(), "");
  console.time += 50ms;
  progress.update(2, 100);
  EXPECT_THAT(console.take(), HasSubstr("  2 %"));
}

TEST(Progress, bar_is_wiped_at_the_end) {
  Console console;
  console.io.terminal = true;
  {
    Progress progress(console.io, ProgressStyle::automatic, "Copy");
    progress.update(5, 10);
  }
  EXPECT_THAT(console.take(), EndsWith("\r\x1b[K"));
}

TEST(Progress, rate_is_that_of_the_last_seconds) {
  Console console;
  Progress progress(console.io, ProgressStyle::json, "Copy");
  progress.update(0, 10000 * mib);
  std::uint64_t done = 0;
  for (int second = 1; second <= 20; ++second) {  // first 100 MiB/s, then 10
    console.time += 1s;
    done += (second <= 10 ? 100 : 10) * mib;
    progress.update(done, 10000 * mib);
  }
  const auto last = nlohmann::json::parse(test::lines_of(console.take()).back());
  EXPECT_EQ(last["bytes-per-second"], 10 * mib);
  EXPECT_EQ(last["seconds-left"], (10000 * mib - done) / (10 * mib));
}

TEST(Progress, json_has_its_keys_and_a_last_line_at_the_end) {
  Console console;
  Progress progress(console.io, ProgressStyle::json, "Copy");
  progress.update(0, 3);
  progress.update(1, 3);  // at once: not worth a line
  progress.update(3, 3);
  progress.update(3, 3);
  const auto lines = test::lines_of(console.take());
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(nlohmann::json::parse(lines[0]),
            nlohmann::json::parse(R"({"progress":"Copy","done":0,"total":3,"percent":0.0,"bytes-per-second":0})"));
  EXPECT_EQ(nlohmann::json::parse(lines[1])["percent"], 100.0);
}

TEST(Progress, nothing_to_do_is_all_done) {
  Console console;
  Progress progress(console.io, ProgressStyle::verbose, "Copy");
  progress.update(0, 0);
  EXPECT_EQ(console.take(), "Copy: [100 %]\n");
}

}  // namespace
}  // namespace qchain::cli
