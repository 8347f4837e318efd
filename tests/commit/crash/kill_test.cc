#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <functional>
#include <iostream>
#include <optional>
#include <system_error>
#include <thread>

#include "tests/commit/crash/real_chain.h"
#include "tests/support/child.h"
#include "tests/support/qemu.h"
#include "tests/support/seed.h"

namespace qchain::test {
namespace {

int kills() {
  const char* given = std::getenv("QCHAIN_KILLS");  // NOLINT(concurrency-mt-unsafe): no other thread yet
  return given != nullptr ? std::atoi(given) : 30;
}

struct Promises {
  std::function<bool()> view_is_the_same;  ///< killed at any moment
  std::function<bool()> completed;         ///< when the same command has run again
};

/// Kills `command` before each of its changes of files in turn, and runs it again. The changes by name; nothing where a
/// process can't be traced.
std::optional<std::vector<std::string>> kill_at_each_change(const RealChain& chain, const Arguments& command,
                                                            const Promises& promises) {
  std::vector<std::string> killed_at;
  while (!testing::Test::HasFailure()) {
    chain.restore();
    std::string change;
    try {
      change = kill_at_change(command, killed_at.size());
    } catch (const std::system_error& error) {
      std::cout << error.what() << '\n';
      return std::nullopt;
    }
    SCOPED_TRACE("killed before change " + std::to_string(killed_at.size()) + ", " + change);
    EXPECT_TRUE(promises.view_is_the_same());
    if (change.empty()) {
      break;
    }
    killed_at.push_back(change);
    const ProcessResult again = run(command);
    EXPECT_EQ(again.status, 0) << again.err;
    EXPECT_TRUE(promises.completed());
    EXPECT_TRUE(promises.view_is_the_same());
  }
  return killed_at;
}

TEST(Sigkill, AtAnyChangeOfAFileLeavesTheViewAndTheSameCommandCompletes) {
  const RealChain chain(256 << 10);
  const auto killed_at = kill_at_each_change(chain, chain.commit_command(),
                                             {.view_is_the_same = [&] { return bool{chain.view_is_the_same()}; },
                                              .completed = [&] { return bool{chain.is_merged()}; }});
  if (!killed_at) {
    GTEST_SKIP() << "processes can't be traced here";
  }
  std::cout << "killed before each of " << testing::PrintToString(*killed_at) << '\n';
  EXPECT_GT(killed_at->size(), 15U);
}

TEST(Sigkill, AtAnyChangeOfAFileWhileDeletingGoesOn) {
  const RealChain chain(64 << 10);
  const auto merged_are_gone = [&] {
    return !std::filesystem::exists(chain / "a.qcow2") && !std::filesystem::exists(chain / "b.qcow2");
  };
  const auto killed_at = kill_at_each_change(
      chain, chain.commit_command({"--delete"}),
      {.view_is_the_same = [&] { return bool{chain.view_is_the_same()}; }, .completed = merged_are_gone});
  if (!killed_at) {
    GTEST_SKIP() << "processes can't be traced here";
  }
  EXPECT_EQ(std::ranges::count(*killed_at, "unlink"), 2);
}

TEST(Sigkill, AtAnyChangeOfAFileWhileTheActiveImageIsDeletedTooGoesOn) {
  const RealChain chain(64 << 10);
  const ByteVector view = qemu_bytes(chain.active());
  const auto overlays_are_gone = [&] {
    return std::ranges::none_of(std::array{"a.qcow2", "b.qcow2", "c.qcow2"},
                                [&](const char* name) { return std::filesystem::exists(chain / name); });
  };
  const auto view_is_somewhere = [&] {
    return std::filesystem::exists(chain.active()) ? chain.view_is_the_same() : read_file(chain.base()) == view;
  };
  const auto killed_at = kill_at_each_change(chain, chain.full_commit_command({"--delete", "--verify=full"}),
                                             {.view_is_the_same = view_is_somewhere, .completed = overlays_are_gone});
  if (!killed_at) {
    GTEST_SKIP() << "processes can't be traced here";
  }
  EXPECT_EQ(std::ranges::count(*killed_at, "unlink"), 3);
}

TEST(Sigkill, AtRandomMomentsOfALongCommitLeavesTheView) {
  Random random(announced_seed());
  const RealChain chain(24 << 20);
  int landed = 0;
  for (int i = 0; i < kills(); ++i) {
    Child child(chain.commit_command({"--bandwidth", "16"}));
    std::this_thread::sleep_for(std::chrono::milliseconds(random.below(500)));  // any moment will do
    child.send(SIGKILL);
    landed += child.wait() == 128 + SIGKILL ? 1 : 0;
    if (i % 5 == 0) {
      ASSERT_TRUE(chain.view_is_the_same()) << "kill " << i;
    }
  }
  std::cout << landed << " of " << kills() << " kills hit a running commit\n";
  EXPECT_GT(landed, kills() / 2);
  const ProcessResult finished = run(chain.commit_command());
  ASSERT_EQ(finished.status, 0) << finished.err;
  EXPECT_TRUE(chain.is_merged());
  EXPECT_TRUE(chain.view_is_the_same());
}

}  // namespace
}  // namespace qchain::test
