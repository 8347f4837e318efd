// The real command under a guest: Ctrl-C while it copies, and while it compares (the pipe that its progress goes to
// holds it there); its plan.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <ostream>

#include "tests/live/bare/commit_on_xfs.h"
#include "tests/support/child.h"

namespace qchain::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

struct Moment {
  const char* engine;
  const char* progress;  ///< of the part in which it is interrupted
  const char* name;
  friend std::ostream& operator<<(std::ostream& out, const Moment& moment) { return out << moment.name; }
};

class Interrupted : public CommitOnXfs, public testing::WithParamInterface<Moment> {
 protected:
  void SetUp() override {
    CommitOnXfs::SetUp();
    if (IsSkipped()) {
      return;
    }
    std::vector<std::string> zeroes;  // each is a step of its own
    for (int i = 0; i < 100; ++i) {
      zeroes.push_back("write -z " + std::to_string((64 + 2 * i) * 64) + "k 64k");
    }
    qemu_io(file("b.qcow2"), zeroes);
    must_run({"qemu-img", "convert", "-O", "raw", file("c.qcow2"), file("before")});
    start();
  }
  [[nodiscard]] Arguments commit_words(const Arguments& more = {}) const {
    Arguments words{QCHAIN_BINARY, "commit", "--qmp", qemu_->socket(), "--disk",   disk,
                    "--base",      "vda[1]", "--top", "vda[3]",        "--engine", GetParam().engine};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
};

TEST_P(Interrupted, ItLeavesTheChainAsItWasAndSaysSoAndTheNextRunCompletes) {
  const bool by_qemu = std::string(GetParam().engine) == "qemu";
  const bool copying = GetParam().progress == std::string("Block Commit");
  const Arguments slowly = by_qemu && copying ? Arguments{"--verbose", "--bandwidth", "1"} : Arguments{"--verbose"};
  Child commit(commit_words(slowly), ErrorPipe::narrow);
  std::string line;
  do {
    line = commit.read_error_line();
    ASSERT_NE(line, "") << "it is over";
  } while (!line.starts_with(GetParam().progress));
  EXPECT_FALSE(line.contains("100 %")) << line;
  commit.send(SIGINT);
  commit.wait_until_signals_are_taken();
  EXPECT_THAT(commit.read_errors(), AllOf(HasSubstr("interrupted; "),
                                          HasSubstr("the chain is as before; the same command again starts anew")));
  EXPECT_EQ(commit.wait(), 130);
  EXPECT_EQ(chain_in_qemu(), whole_chain);
  EXPECT_FALSE(job_is_left());
  EXPECT_FALSE(std::filesystem::exists(file("base.raw.qchain-new")));
  expect_reads_as_before(file("c.qcow2"));

  const ProcessResult again = run(commit_words());
  EXPECT_EQ(again.status, 0) << again.err;
  EXPECT_THAT(again.out, HasSubstr(std::string("engine: ") + GetParam().engine));
  expect_all_in_base();
}

class PlannedForPrograms : public CommitOnXfs {};

TEST_F(PlannedForPrograms, TheEngineIsInThePlan) {
  start();
  const ProcessResult plan = run({QCHAIN_BINARY, "commit", "--qmp", qemu_->socket(), "--disk", disk, "--base", "vda[1]",
                                  "--top", "vda[3]", "--dry-run", "--output=json"});
  ASSERT_EQ(plan.status, 0) << plan.err;
  const auto json = live::qmp::Json::parse(plan.out);
  EXPECT_EQ(json["engine"], "clone");
  EXPECT_EQ(json["merged"].size(), 2U);
  EXPECT_EQ(chain_in_qemu(), whole_chain);
}

INSTANTIATE_TEST_SUITE_P(Engines, Interrupted,
                         testing::Values(Moment{"clone", "Block Commit", "CloneCopies"},
                                         Moment{"clone", "Verify", "CloneCompares"},
                                         Moment{"qemu", "Block Commit", "QemuCopies"},
                                         Moment{"qemu", "Verify", "QemuCompares"}),
                         [](const testing::TestParamInfo<Moment>& moment) { return std::string(moment.param.name); });

}  // namespace
}  // namespace qchain::test
