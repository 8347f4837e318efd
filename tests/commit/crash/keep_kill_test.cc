#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <system_error>

#include "tests/commit/crash/real_chain.h"
#include "tests/support/child.h"
#include "tests/support/loop_xfs.h"

namespace qchain::test {
namespace {

/// Kills the command before each change of a file in turn, runs it again, and looks at what it kept.
std::vector<std::string> kill_everywhere(const RealChain& chain, const Arguments& command, const std::string& kept) {
  chain.restore();
  const ByteVector old_base = read_file(chain.base());
  std::vector<std::string> killed_at;
  while (true) {
    chain.restore();
    std::filesystem::remove(kept);
    const std::string change = kill_at_change(command, killed_at.size());
    EXPECT_TRUE(chain.view_is_the_same()) << "killed before " << change;
    EXPECT_TRUE(!std::filesystem::exists(kept) || read_file(kept) == old_base) << "killed before " << change;
    if (change.empty()) {
      return killed_at;
    }
    killed_at.push_back(change);
    const ProcessResult again = run(command);
    EXPECT_EQ(again.status, 0) << "killed before " << change << ", number " << killed_at.size() << ": " << again.err;
    EXPECT_TRUE(read_file(kept) == old_base) << "killed before " << change << ", number " << killed_at.size();
    EXPECT_TRUE(chain.view_is_the_same()) << "killed before " << change;
  }
}

TEST(SigkillWhileKeeping, ByCopyTheSameCommandCompletesAndTheOldBaseIsKept) {
  const RealChain chain(256 << 10);
  const std::string kept = chain / "kept.raw";
  try {
    const auto killed_at =
        kill_everywhere(chain, chain.commit_command({"--keep-base", kept, "--keep-base-copy"}), kept);
    std::cout << "killed before each of " << testing::PrintToString(killed_at) << '\n';
    EXPECT_EQ(std::ranges::count(killed_at, "linkat"), 1);
    EXPECT_TRUE(chain.is_merged());
    const auto full =
        kill_everywhere(chain, chain.full_commit_command({"--keep-base", kept, "--keep-base-copy"}), kept);
    EXPECT_GT(full.size(), 15U);
  } catch (const std::system_error& error) {
    GTEST_SKIP() << error.what();
  }
}

class SigkillWhileSharing : public OnXfs {};

TEST_F(SigkillWhileSharing, TheSameCommandCompletesAndTheOldBaseIsKept) {
  const RealChain chain(256 << 10, xfs().path());
  const std::string kept = xfs() / "kept.raw";
  try {
    const auto killed_at = kill_everywhere(chain, chain.commit_command({"--keep-base", kept}), kept);
    std::cout << "killed before each of " << testing::PrintToString(killed_at) << '\n';
    EXPECT_GE(std::ranges::count(killed_at, "ioctl"), 1);
    EXPECT_TRUE(chain.is_merged());
  } catch (const std::system_error& error) {
    GTEST_SKIP() << error.what();
  }
}

}  // namespace
}  // namespace qchain::test
