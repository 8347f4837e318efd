#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

#include "tests/live/bare/commit_on_xfs.h"
#include "tests/support/seed.h"

namespace qchain::test {

/// Commits that replace the base.
class CloneLive : public CommitOnXfs {
 protected:
  [[nodiscard]] static LiveRequest by_clone(LiveRequest request) {
    request.engine = EngineChoice::clone;
    return request;
  }
  [[nodiscard]] static LiveRequest below() { return by_clone(below_active()); }
  [[nodiscard]] std::uint64_t inode_of(const std::string& name) const {
    struct stat status{};
    return ::stat(file(name).c_str(), &status) == 0 ? status.st_ino : 0;
  }
  /// Images and the record only.
  void expect_nothing_left() const {
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      EXPECT_EQ(entry.path().filename().string().find("qchain-"), std::string::npos) << entry.path();
    }
  }
  void expect_closed() const {
    for (const auto& node : qemu_->ask("query-named-block-nodes", {{"flat", true}})) {
      const std::string name = node.at("node-name");
      EXPECT_TRUE(name == "n4" || name == "n4-file" || name.starts_with("n1.qchain-b")) << name;
    }
  }
  /// Every call in a campaign ($QCHAIN_LIVE_KILLS), else some, other ones in every run.
  [[nodiscard]] static std::size_t stride() { return std::getenv("QCHAIN_LIVE_KILLS") != nullptr ? 1 : 5; }
  [[nodiscard]] static std::size_t first_call() {
    static const std::size_t first = announced_seed() % stride();
    return first;
  }
  void begin_again() {
    qemu_.reset();
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      std::filesystem::remove(entry.path());
    }
    CommitLive::SetUp();
    start();
  }
  void expect_refused(const std::string& why) {
    const std::uint64_t base = inode_of("base.raw");
    const auto refused = commit(below());
    ASSERT_FALSE(refused) << why;
    EXPECT_THAT(describe(refused.error()), testing::HasSubstr(why));
    EXPECT_EQ(inode_of("base.raw"), base);
    EXPECT_FALSE(record());
    expect_nothing_left();
  }
  /// Without a word of the user's, the other engine does it, and says why.
  void expect_done_by_qemu(const std::string& why) {
    const auto report = commit(below_active());
    ASSERT_TRUE(report) << describe(report.error());
    EXPECT_EQ(report->engine.engine, LiveEngine::qemu);
    EXPECT_THAT(report->engine.reason, testing::HasSubstr(why));
    expect_all_in_base();
  }
};

}  // namespace qchain::test
