#include <gtest/gtest.h>

#include <cerrno>
#include <iostream>
#include <set>

#include "tests/commit/crash/crash_explorer.h"

namespace qchain::test {
namespace {

/// One fault a run, at each operation in turn.
class DiskFaults : public testing::TestWithParam<std::string> {
 protected:
  DiskFaults() : case_(recipe_named(crash_recipes(), GetParam())) {}

  void fail_each_operation(int os_error, ErrorKind kind) {
    std::set<std::string> failed;
    for (std::uint64_t number = 0; const auto operation = fail_one(number, os_error, kind); ++number) {
      failed.insert(operation->substr(0, operation->find(' ')));
      ASSERT_FALSE(HasFailure());
    }
    std::cout << testing::PrintToString(failed) << " failed\n";
    EXPECT_TRUE(failed.contains("save"));
    EXPECT_TRUE(failed.contains("sync"));
    EXPECT_EQ(failed.contains("read"), os_error == EIO);
  }

  CrashCase case_;
  RecordTexts texts_;
  Judge judge_{case_, texts_};

 private:
  /// The operation that failed; nothing when the run has fewer.
  std::optional<std::string> fail_one(std::uint64_t number, int os_error, ErrorKind kind) {
    FaultPlan faults(number, os_error);
    SimMachine machine(case_.files(), case_.before(), texts_, {.faults = &faults});
    const auto report = machine.run_commit(case_.request());
    if (!faults.hit()) {
      EXPECT_TRUE(report);
      return std::nullopt;
    }
    if (report) {
      // Readers run ahead, and side by side: what two of them fetch one may fail to.
      EXPECT_TRUE(faults.operation().starts_with("read")) << "said done although it failed: " << faults.operation();
      EXPECT_EQ(judge_.look_at_finished(machine.disks()).value_or(""), "") << faults.operation();
    } else {
      // Metadata that can't be read makes its range a broken one, whatever the reason.
      const bool fits = report.error().kind == kind || faults.operation().starts_with("read");
      EXPECT_TRUE(fits) << faults.operation() << ": " << describe(report.error());
    }
    EXPECT_EQ(judge_.look(machine.disks()).value_or(""), "") << faults.operation();
    EXPECT_EQ(judge_.run_again(machine.disks()).value_or(""), "") << faults.operation();
    return faults.operation();
  }
};

TEST_P(DiskFaults, AnIoErrorIsReportedAndTheCommitRunAgainCompletes) {
  fail_each_operation(EIO, ErrorKind::io);
}

TEST_P(DiskFaults, AFullDiskIsReportedAndTheCommitRunAgainCompletes) {
  fail_each_operation(ENOSPC, ErrorKind::no_space);
}

INSTANTIATE_TEST_SUITE_P(Commits, DiskFaults,
                         testing::Values("two_layers_under_an_overlay", "growth_full", "compressed", "zero_clusters",
                                         "subclusters", "shared_blocks", "header_4k_longest_name", "qcow2_base",
                                         "qcow2_base_that_grows", "qcow2_base_with_a_snapshot"),
                         [](const auto& instance) { return instance.param; });

/// A disk that could not write what a sync should have made durable: the kernel has told it once, keeps the bytes in
/// memory for all to read, and says nothing at the next sync. They are gone after a power cut.
class FailedSync : public DiskFaults {
 protected:
  /// The run that meets the failing operation; nothing when that was no sync.
  struct FirstRun {
    Disks memory;
    WriteLog log;
  };
  std::optional<FirstRun> fail_at(std::uint64_t number, bool& hit) {
    FirstRun run;
    FaultPlan faults(number, EIO);
    SimMachine machine(case_.files(), case_.before(), texts_, {.log = &run.log, .faults = &faults});
    static_cast<void>(machine.run_commit(case_.request()));
    hit = faults.hit();
    run.memory = machine.disks();
    return faults.operation().starts_with("sync") ? std::optional(std::move(run)) : std::nullopt;
  }

  /// Bytes that this file was given since its last good sync never reach the disk. (Sizes and holes do: file systems
  /// keep those in their journal, and stop altogether where that fails.)
  static void forget_unsynced(WriteLog& log) {
    const std::size_t failed = log.back().storage;  // a file is synced right after its last write
    const auto last_sync = std::find_if(log.rbegin(), log.rend(), [&](const LoggedStep& step) {
      return step.storage == failed && step.kind == LoggedStep::Kind::sync;
    });
    const auto since = static_cast<std::size_t>(std::distance(last_sync, log.rend()));
    for (std::size_t step = log.size(); step-- > since;) {
      if (log[step].storage == failed && log[step].kind == LoggedStep::Kind::write) {
        log.erase(log.begin() + static_cast<std::ptrdiff_t>(step));
      }
    }
  }

  /// The commit is run again on the same machine, and then the power goes.
  std::optional<std::string> run_again_then_cut_power(FirstRun run) {
    forget_unsynced(run.log);
    SimMachine machine(case_.files(), run.memory, texts_, {.log = &run.log});
    if (const auto report = machine.run_commit(case_.request()); !report) {
      return describe(report.error());
    }
    Random random(1);
    CrashReplay replay(case_.before(), run.log);
    while (!replay.at_end()) {
      replay.advance();
      if (auto what = judge_.look(replay.crash([](std::size_t) { return Fate::lost; }, random))) {
        return what;
      }
    }
    return std::nullopt;
  }
};

TEST_P(FailedSync, IsNotTakenForAGoodOneWhenTheCommitIsRunAgain) {
  std::size_t syncs = 0;
  bool hit = true;
  for (std::uint64_t number = 0; hit; ++number) {
    if (auto run = fail_at(number, hit)) {
      ++syncs;
      EXPECT_EQ(run_again_then_cut_power(*std::move(run)).value_or(""), "") << "sync " << syncs;
    }
  }
  EXPECT_GE(syncs, 1U);
}

INSTANTIATE_TEST_SUITE_P(Commits, FailedSync,
                         testing::Values("two_layers_under_an_overlay", "growth_full", "header_512_short_name",
                                         "header_4k_longest_name"),
                         [](const auto& instance) { return instance.param; });

}  // namespace
}  // namespace qchain::test
