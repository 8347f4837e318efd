#pragma once

#include <functional>
#include <optional>
#include <string>
#include <unordered_set>

#include "tests/commit/crash/judge.h"

namespace qchain::test {

/// How many states are tried.
struct Effort {
  std::size_t single_faults = 6;     ///< steps of a window of which each alone is lost, kept, torn; all where they fit
  std::size_t random_states = 60;    ///< random subsets a step, and as many with torn writes
  unsigned percent_run_again = 100;  ///< of states in which the commit is run again
};
/// $QCHAIN_CRASH_STATES: random states a step, with every single fault; else the short default.
[[nodiscard]] Effort chosen_effort();

/// Records one commit of a case, and tries the states that a power cut may leave at any moment of it.
class CrashExplorer {
 public:
  CrashExplorer(const CrashCase& crash_case, Random& random)
      : case_(crash_case), random_(random), judge_(crash_case, texts_) {}

  /// Runs the commit; what went wrong, or nothing. `progress` as for commit().
  [[nodiscard]] std::optional<std::string> record(std::function<void(std::uint64_t, std::uint64_t)> progress = {});
  [[nodiscard]] const WriteLog& log() const noexcept { return log_; }
  /// As if the code did not have this step.
  void remove_step(std::size_t index) { log_.erase(log_.begin() + static_cast<std::ptrdiff_t>(index)); }

  /// Power cuts at any moment: what is wrong with the first bad state, or nothing.
  [[nodiscard]] std::optional<std::string> cut_power(const Effort& effort);

  /// The process is killed at any moment, the commit run again on what the machine's memory then holds, and the power
  /// cut at any moment of that.
  [[nodiscard]] std::optional<std::string> kill_then_cut_power(const Effort& effort);

  /// Different states tried so far.
  [[nodiscard]] std::size_t states() const noexcept { return seen_.size(); }
  /// Every so many states one is handed over, for slower checks.
  void set_sampler(std::size_t every, std::function<void(const Disks&)> sampler);
  [[nodiscard]] const Judge& judge() const noexcept { return judge_; }

 private:
  using Look = std::optional<std::string> (Judge::*)(const Disks&) const;
  /// From which step on power cuts are tried, and what must hold once all steps are done.
  struct Expected {
    std::size_t first_step = 0;
    Look finished = nullptr;
  };
  using Fates = std::function<Fate(std::size_t)>;
  /// A kill between a record's rename and the sync of its folder: whoever finds `done` then needs no second sync, for
  /// all that it stands for is durable, and a record that falls back only costs another look.
  [[nodiscard]] bool is_half_of_a_save(const LoggedStep& step) const;
  [[nodiscard]] std::vector<Fates> fates_of(std::size_t window, const Effort& effort);
  [[nodiscard]] std::optional<std::string> replay(const WriteLog& log, const Expected& expected, const Effort& effort);
  [[nodiscard]] std::optional<std::string> try_states(const CrashReplay& replay, Look look, const Effort& effort);
  [[nodiscard]] std::optional<std::string> try_state(const Disks& disks, Look look, const Effort& effort);

  const CrashCase& case_;
  Random& random_;
  RecordTexts texts_;
  Judge judge_;
  WriteLog log_;
  std::unordered_set<std::size_t> seen_;
  std::size_t sample_every_ = 0;
  std::function<void(const Disks&)> sampler_;
};

/// "3: write of file 2 at 512, 100 bytes", for messages.
[[nodiscard]] std::string to_string(const WriteLog& log, std::size_t step);

}  // namespace qchain::test
