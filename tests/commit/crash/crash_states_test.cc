#include <gtest/gtest.h>

#include <iostream>

#include "tests/commit/crash/crash_explorer.h"
#include "tests/commit/crash/qemu_opinion.h"

namespace qchain::test {
namespace {

class EveryCrashState : public testing::Test {
 protected:
  using Explore = std::optional<std::string> (CrashExplorer::*)(const Effort&);

  /// Tries all cases; stops at the first bad state.
  void explore_all(Explore explore, const Effort& effort, std::size_t states_a_sample) {
    const std::uint64_t seed = announced_seed();
    std::size_t states = 0;
    std::size_t asked = 0;
    const auto recipes = crash_recipes();
    for (const CrashRecipe& recipe : recipes) {
      SCOPED_TRACE(recipe.name);
      Random random(seed);
      const CrashCase crash_case(recipe);
      CrashExplorer explorer(crash_case, random);
      explorer.set_sampler(states_a_sample, [&](const Disks& disks) {
        EXPECT_TRUE(qemu_agrees(crash_case, disks));
        ++asked;
      });
      ASSERT_EQ(explorer.record().value_or(""), "");
      ASSERT_EQ((explorer.*explore)(effort).value_or(""), "");
      states += explorer.states();
    }
    std::cout << states << " states in " << recipes.size() << " commits, QEMU asked about " << asked << '\n';
    EXPECT_GT(asked, 0U);
    EXPECT_GT(states, 2000U);
    EXPECT_GE(recipes.size(), 30U);
  }
};

TEST_F(EveryCrashState, APowerCutAtAnyMomentLosesNothingAndTheCommitRunAgainCompletes) {
  explore_all(&CrashExplorer::cut_power, chosen_effort(), 50);
}

TEST_F(EveryCrashState, APowerCutWhileAKilledCommitIsRunAgainLosesNothing) {
  Effort effort = chosen_effort();
  effort.single_faults /= 6;
  effort.percent_run_again = effort.single_faults > 1 ? 100 : 10;
  effort.random_states = 1;
  explore_all(&CrashExplorer::kill_then_cut_power, effort, 100);
}

}  // namespace
}  // namespace qchain::test
