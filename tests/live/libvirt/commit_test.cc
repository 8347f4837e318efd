// A commit through libvirt that goes wrong, with the guest at work.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include "tests/live/support/commit_lab.h"
#include "tests/live/support/libvirt_lab.h"
#include "tests/support/child.h"
#include "tests/support/files.h"

namespace qchain::test {
namespace {

using testing::HasSubstr;

class LibvirtCommit : public LibvirtLab {
 protected:
  static constexpr guest::Generation layer_work = 120;

  void SetUp() override {
    LibvirtLab::SetUp();
    if (IsSkipped() || HasFatalFailure()) {
      return;
    }
    for (const char* name : {"a", "b", "c"}) {
      tested().snapshot(name);
      guest().run(layer_work);
      guest().resume();
    }
  }

  [[nodiscard]] Arguments commit_words(const Arguments& more = {}) {
    Arguments all = tested().words("commit", "vda", {"--base", "vda[1]", "--top", "vda[3]", "--delete"});
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  [[nodiscard]] bool has_job() {
    return !libvirt().virsh({"blockjob", "vm1", "vda", "--info"}).contains("No current block job");
  }
  template <typename Condition>
  static void wait_until(const Condition& condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(2);
    while (!condition()) {
      ASSERT_LT(std::chrono::steady_clock::now(), end);
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
};

TEST_F(LibvirtCommit, FindsAWrongBaseAfterTheSwitchAndKeepsTheLayersThatHoldTheTruth) {
  const std::string base = file("base.raw");
  const std::uint64_t place = somewhere_in(file("b.qcow2"));
  Child commit(commit_words({"--bandwidth", "2"}));
  wait_until([&] { return has_job(); });
  commit.send(SIGSTOP);
  wait_until([&] { return !has_job(); });  // libvirt switches by itself
  guest().pause();                         // it would find it, too
  const ByteVector byte = read_file(base, place, 1);
  poke(base, place, bytes_of({std::to_integer<unsigned>(byte[0]) ^ 1U}));
  commit.send(SIGCONT);
  EXPECT_THAT(commit.read_errors(), HasSubstr("in 1 bytes, the first at " + std::to_string(place)));
  EXPECT_EQ(commit.wait(), 2);
  for (const char* layer : {"a.qcow2", "b.qcow2"}) {
    EXPECT_TRUE(std::filesystem::exists(file(layer)));
  }
  const ProcessResult retired = run({QCHAIN_BINARY, "retire", base});
  EXPECT_EQ(retired.status, 2) << retired.out;

  poke(base, place, byte);
  guest().resume();
  const ProcessResult again = run(commit_words());
  EXPECT_EQ(again.status, 0) << again.err;
  EXPECT_FALSE(std::filesystem::exists(file("b.qcow2")));
  tested().unharmed("committed");
  expect_right_at_the_end(file("c.qcow2"), "qcow2");
}

}  // namespace
}  // namespace qchain::test
