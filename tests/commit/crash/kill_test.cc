#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <system_error>
#include <thread>

#include "tests/commit/crash/child.h"
#include "tests/commit/crash/real_chain.h"
#include "tests/support/qemu.h"
#include "tests/support/seed.h"

namespace qchain::test {
namespace {

int kills() {
  const char* given = std::getenv("QCHAIN_KILLS");  // NOLINT(concurrency-mt-unsafe): no other thread yet
  return given != nullptr ? std::atoi(given) : 30;
}

TEST(Sigkill, AtAnyChangeOfAFileLeavesTheViewAndTheSameCommandCompletes) {
  const RealChain chain(256 << 10);
  const Arguments command = chain.commit_command();
  std::vector<std::string> killed_at;
  while (true) {
    chain.restore();
    std::string change;
    try {
      change = kill_at_change(command, killed_at.size());
    } catch (const std::system_error& error) {
      GTEST_SKIP() << error.what();
    }
    EXPECT_TRUE(chain.view_is_the_same()) << "killed before " << change;
    if (change.empty()) {
      break;
    }
    killed_at.push_back(change);
    const ProcessResult again = run(command);
    ASSERT_EQ(again.status, 0) << "killed before " << change << ", number " << killed_at.size() << ": " << again.err;
    ASSERT_TRUE(chain.is_merged()) << "killed before " << change;
    ASSERT_TRUE(chain.view_is_the_same()) << "killed before " << change;
  }
  std::cout << "killed before each of " << testing::PrintToString(killed_at) << '\n';
  EXPECT_GT(killed_at.size(), 15U);
}

TEST(Sigkill, AtAnyChangeOfAFileWhileDeletingGoesOn) {
  const RealChain chain(64 << 10);
  const Arguments command = chain.commit_command({"--delete"});
  std::vector<std::string> killed_at;
  while (true) {
    chain.restore();
    std::string change;
    try {
      change = kill_at_change(command, killed_at.size());
    } catch (const std::system_error& error) {
      GTEST_SKIP() << error.what();
    }
    EXPECT_TRUE(chain.view_is_the_same()) << "killed before " << change;
    if (change.empty()) {
      break;
    }
    killed_at.push_back(change);
    const ProcessResult again = run(command);
    ASSERT_EQ(again.status, 0) << "killed before " << change << ", number " << killed_at.size() << ": " << again.err;
    ASSERT_TRUE(chain.view_is_the_same()) << "killed before " << change;
    ASSERT_FALSE(std::filesystem::exists(chain / "a.qcow2")) << "killed before " << change;
    ASSERT_FALSE(std::filesystem::exists(chain / "b.qcow2")) << "killed before " << change;
  }
  EXPECT_EQ(std::ranges::count(killed_at, "unlink"), 2);
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
