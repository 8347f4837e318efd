#include "tests/commit/crash/crash_explorer.h"

#include <cstdlib>
#include <string_view>

namespace qchain::test {
namespace {

std::size_t hash_of(const Disks& disks, bool finished) {
  std::size_t hash = finished ? 1 : 0;
  for (const ByteVector& disk : disks) {
    const std::string_view text(reinterpret_cast<const char*>(disk.data()), disk.size());
    hash = hash * 1000003 + std::hash<std::string_view>{}(text) + disk.size();
  }
  return hash;
}

Fate all_kept(std::size_t /*step*/) {
  return Fate::kept;
}

}  // namespace

Effort chosen_effort() {
  const char* given = std::getenv("QCHAIN_CRASH_STATES");  // NOLINT(concurrency-mt-unsafe): no other thread yet
  if (given == nullptr) {
    return {};
  }
  return {.single_faults = 1000, .random_states = static_cast<std::size_t>(std::atoi(given))};
}

std::string to_string(const WriteLog& log, std::size_t step) {
  constexpr std::array names{"write", "zero", "resize", "sync"};
  const LoggedStep& logged = log[step];
  return std::to_string(step) + ": " + names.at(static_cast<std::size_t>(logged.kind)) + " of file " +
         std::to_string(logged.storage) + " at " + std::to_string(logged.range.start) + ", " +
         std::to_string(logged.range.length) + " bytes";
}

std::optional<std::string> CrashExplorer::record(std::function<void(std::uint64_t, std::uint64_t)> progress) {
  SimMachine machine(case_.files(), case_.before(), texts_, {.log = &log_});
  const auto report = machine.run_commit(case_.request(), std::move(progress));
  return report ? judge_.look_at_clean_run(machine.disks()) : describe(report.error());
}

std::optional<std::string> CrashExplorer::cut_power(const Effort& effort) {
  return replay(log_, {.first_step = 0, .finished = &Judge::look_at_clean_run}, effort);
}

std::optional<std::string> CrashExplorer::kill_then_cut_power(const Effort& effort) {
  CrashReplay killed(case_.before(), log_);
  for (std::size_t steps = 1; steps < log_.size(); ++steps) {
    killed.advance();
    if (is_half_of_a_save(log_[steps - 1])) {
      continue;
    }
    WriteLog log(log_.begin(), log_.begin() + static_cast<std::ptrdiff_t>(steps));
    SimMachine machine(case_.files(), killed.crash(all_kept, random_), texts_, {.log = &log});
    const auto report = machine.run_commit(case_.request());
    if (!report) {
      return "killed after step " + to_string(log_, steps - 1) + ", run again: " + describe(report.error());
    }
    if (auto what = replay(log, {.first_step = steps, .finished = &Judge::look_at_finished}, effort)) {
      return "killed after step " + to_string(log_, steps - 1) + ", run again: " + *what;
    }
  }
  return std::nullopt;
}

bool CrashExplorer::is_half_of_a_save(const LoggedStep& step) const {
  return step.storage == case_.files().size() && step.kind == LoggedStep::Kind::write;
}

void CrashExplorer::set_sampler(std::size_t every, std::function<void(const Disks&)> sampler) {
  sample_every_ = every;
  sampler_ = std::move(sampler);
}

std::vector<CrashExplorer::Fates> CrashExplorer::fates_of(std::size_t window, const Effort& effort) {
  std::vector<Fates> all{all_kept};
  if (window == 0) {
    return all;
  }
  all.emplace_back([](std::size_t) { return Fate::lost; });
  for (std::size_t i = 0; i < std::min(window, effort.single_faults); ++i) {
    const std::size_t one = window <= effort.single_faults ? i : random_.below(window);
    all.emplace_back([one](std::size_t step) { return step == one ? Fate::lost : Fate::kept; });
    all.emplace_back([one](std::size_t step) { return step == one ? Fate::kept : Fate::lost; });
    all.emplace_back([one](std::size_t step) { return step == one ? Fate::torn : Fate::kept; });
  }
  for (std::size_t i = 0; i < effort.random_states; ++i) {
    all.emplace_back([this](std::size_t) { return random_.chance(50) ? Fate::kept : Fate::lost; });
    all.emplace_back(
        [this](std::size_t) { return random_.chance(70) ? Fate::torn : static_cast<Fate>(random_.below(3)); });
  }
  return all;
}

std::optional<std::string> CrashExplorer::replay(const WriteLog& log, const Expected& expected, const Effort& effort) {
  CrashReplay replay(case_.before(), log);
  for (std::size_t step = 0; step < log.size(); ++step) {
    replay.advance();
    if (step + 1 < expected.first_step) {
      continue;
    }
    if (auto what = try_states(replay, replay.at_end() ? expected.finished : &Judge::look, effort)) {
      return "power cut after step " + to_string(log, step) + ": " + *what;
    }
  }
  return std::nullopt;
}

std::optional<std::string> CrashExplorer::try_states(const CrashReplay& replay, Look look, const Effort& effort) {
  for (const Fates& fates : fates_of(replay.unsynced(), effort)) {
    if (auto what = try_state(replay.crash(fates, random_), look, effort)) {
      return what;
    }
  }
  return std::nullopt;
}

std::optional<std::string> CrashExplorer::try_state(const Disks& disks, Look look, const Effort& effort) {
  if (!seen_.insert(hash_of(disks, look != &Judge::look)).second) {
    return std::nullopt;
  }
  if (auto what = (judge_.*look)(disks)) {
    return what;
  }
  if (sample_every_ > 0 && seen_.size() % sample_every_ == 0) {
    sampler_(disks);
  }
  return random_.chance(effort.percent_run_again) ? judge_.run_again(disks) : std::nullopt;
}

}  // namespace qchain::test
