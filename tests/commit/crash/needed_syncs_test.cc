#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <thread>

#include "tests/commit/crash/crash_explorer.h"

namespace qchain::test {
namespace {

std::vector<std::size_t> syncs_of(const WriteLog& log) {
  std::vector<std::size_t> steps;
  for (std::size_t step = 0; step < log.size(); ++step) {
    if (log[step].kind == LoggedStep::Kind::sync) {
      steps.push_back(step);
    }
  }
  return steps;
}

/// Which sync this is in the commit's own words.
std::string sync_of(const CrashCase& crash_case, std::size_t storage) {
  return storage == crash_case.files().size() ? "record" : storage == 0 ? "base" : "overlay";
}

class EverySync : public testing::Test {
 protected:
  using Progress = std::function<void(std::uint64_t, std::uint64_t)>;

  /// Swallows one sync after the other, and looks for a crash that breaks a promise then. Returns the syncs, in
  /// brackets where there is none.
  std::vector<std::string> needed_syncs(const std::string& recipe, const Progress& progress = {}) {
    const CrashCase crash_case(recipe_named(crash_recipes(), recipe));
    Random random(seed_);
    CrashExplorer whole(crash_case, random);
    EXPECT_EQ(whole.record(progress).value_or(""), "");
    EXPECT_EQ(whole.cut_power({}).value_or(""), "") << "with all syncs";
    std::vector<std::string> names;
    for (const std::size_t step : syncs_of(whole.log())) {
      const std::string name = sync_of(crash_case, whole.log()[step].storage);
      CrashExplorer without = whole;
      without.remove_step(step);
      const auto what = without.cut_power({.single_faults = 1000});
      names.push_back(what ? name : "(" + name + ")");
      std::cout << recipe << ", without the sync of the " << name << ": " << what.value_or("nothing fails") << '\n';
    }
    return names;
  }

  std::uint64_t seed_ = announced_seed();
};

using Names = std::vector<std::string>;

TEST_F(EverySync, OfARelinkIsNeeded) {
  EXPECT_EQ(needed_syncs("header_64k_longest_name"),
            (Names{"record", "base", "record", "overlay", "overlay", "record"}));
}

TEST_F(EverySync, OfARelinkInOneSectorIsNeeded) {
  EXPECT_EQ(needed_syncs("header_512_short_name"), (Names{"record", "base", "record", "overlay", "record"}));
}

TEST_F(EverySync, OfAFullCommitIsNeeded) {
  EXPECT_EQ(needed_syncs("growth_full"), (Names{"record", "base", "record"}));
}

TEST_F(EverySync, OfZerosIsNeeded) {
  EXPECT_EQ(needed_syncs("discarded_clusters_full"), (Names{"record", "base", "record"}));
}

TEST_F(EverySync, OfAQcow2BaseIsNeeded) {
  const auto syncs = needed_syncs("qcow2_base_with_a_snapshot");
  EXPECT_GT(std::ranges::count(syncs, "base"), 2);
  EXPECT_EQ(std::ranges::count(syncs, "(base)"), 0);
}

TEST_F(EverySync, OfTheBaseBeforeACheckpointIsNeeded) {
  using namespace std::chrono_literals;
  // The mover notes how far it is every ten seconds: let them pass, once, behind its back.
  bool waited = false;
  const auto wait_once = [&](std::uint64_t, std::uint64_t) {
    if (!std::exchange(waited, true)) {
      std::this_thread::sleep_for(10'100ms);
    }
  };
  // The note itself may be lost: that costs another copy of what it was about, nothing else.
  EXPECT_EQ(needed_syncs("zeros_before_data", wait_once),
            (Names{"record", "base", "(record)", "base", "record", "overlay", "overlay", "record"}));
}

}  // namespace
}  // namespace qchain::test
