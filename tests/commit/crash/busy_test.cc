#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "tests/commit/crash/real_chain.h"
#include "tests/support/child.h"
#include "tests/unit/storage/qemu_io_session.h"

namespace qchain::test {
namespace {

using testing::HasSubstr;

const Arguments slow{"--bandwidth", "1", "--progress=json"};

std::vector<std::string> messages_of(const std::string& errors) {
  std::vector<std::string> lines;
  for (std::size_t start = 0; start < errors.size();) {
    const std::size_t end = std::min(errors.find('\n', start), errors.size());
    if (errors[start] != '{') {  // progress
      lines.push_back(errors.substr(start, end - start));
    }
    start = end + 1;
  }
  return lines;
}

TEST(Signals, StopACommitThatSaysHowToGoOnAndGoesOn) {
  for (const int signal : {SIGINT, SIGTERM}) {
    const RealChain chain(8 << 20);
    Child child(chain.commit_command(slow));
    EXPECT_THAT(child.read_error_line(), HasSubstr("Block Commit")) << "it is under way";
    child.send(signal);
    const auto messages = messages_of(child.read_errors());
    EXPECT_EQ(child.wait(), 130);
    ASSERT_THAT(messages, testing::SizeIs(1));
    EXPECT_THAT(messages[0], HasSubstr("c.qcow2: interrupted; it reads as before; run the same command again"));
    EXPECT_TRUE(chain.view_is_the_same());
    const ProcessResult again = run(chain.commit_command());
    EXPECT_EQ(again.status, 0) << again.err;
    EXPECT_TRUE(chain.is_merged());
    EXPECT_TRUE(chain.view_is_the_same());
  }
}

/// Refused with one line that names the holder; nothing is touched.
void expect_refusal(const RealChain& chain, const Arguments& words, const std::string& holder) {
  const ProcessResult refused = run(words);
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(messages_of(refused.err), testing::SizeIs(1)) << refused.err;
  EXPECT_THAT(refused.err, HasSubstr(" by " + holder));
  EXPECT_TRUE(chain.is_untouched());
}

std::string holder_of(const QemuIoSession& session) {
  return "qemu-io (pid " + std::to_string(session.pid()) + ")";
}

TEST(Locks, TwoCommitsAtOnceTheSecondIsRefused) {
  const RealChain chain(8 << 20);
  Child first(chain.commit_command(slow));
  EXPECT_THAT(first.read_error_line(), HasSubstr("Block Commit")) << "it is under way";
  const ProcessResult second = run(chain.commit_command());
  EXPECT_EQ(second.status, 2);
  EXPECT_THAT(second.err, HasSubstr("qchain"));
  EXPECT_THAT(second.err, HasSubstr(std::to_string(first.pid())));
  first.send(SIGINT);
  EXPECT_EQ(first.wait(), 130);
  EXPECT_TRUE(chain.view_is_the_same());
  EXPECT_EQ(run(chain.commit_command()).status, 0);
  EXPECT_TRUE(chain.is_merged());
}

TEST(Locks, AnImageThatQemuWritesIsNotTouched) {
  const RealChain chain(64 << 10);
  for (const char* const name : {"b.qcow2", "c.qcow2"}) {
    const QemuIoSession session({"-f", "qcow2", chain / name});
    expect_refusal(chain, chain.commit_command(), holder_of(session));
    expect_refusal(chain, chain.full_commit_command(), holder_of(session));
  }
}

TEST(Locks, AnOverlayThatQemuReadsIsNotTouched) {
  const RealChain chain(64 << 10);
  const QemuIoSession session({"-r", "-f", "qcow2", chain.active()});
  expect_refusal(chain, chain.commit_command(), holder_of(session));
}

TEST(Locks, TheAdviceIsWhatACommitTakes) {
  const RealChain chain(64 << 10);
  const QemuIoSession session({"-f", "qcow2", chain / "a.qcow2"});
  const ProcessResult refused = run(chain.commit_command());
  EXPECT_THAT(refused.err, HasSubstr("or commit on the running guest"));
  EXPECT_THAT(refused.err, testing::Not(HasSubstr(" -U")));
}

// QEMU's reader of an overlay does not mind a writer of the raw base below: it would read what changes.
TEST(Locks, ABaseThatQemuReadsThroughAnOverlayIsNotTouched) {
  const RealChain chain(64 << 10);
  for (const Arguments& words : {Arguments{"-r", "-f", "qcow2"}, {"-r", "-U", "-f", "qcow2"}}) {
    for (const char* const name : {"a.qcow2", "b.qcow2"}) {
      Arguments all = words;
      all.push_back(chain / name);
      const QemuIoSession session(all);
      expect_refusal(chain, chain.commit_command(), holder_of(session));
      expect_refusal(chain, chain.full_commit_command(), holder_of(session));
    }
  }
  const QemuIoSession session({"-r", "-f", "raw", chain.base()});
  expect_refusal(chain, chain.commit_command(), holder_of(session));
}

TEST(Locks, ABaseThatQemuServesReadOnlyIsNotTouched) {
  const RealChain chain(64 << 10);
  const std::string pid_file = chain / "nbd.pid";
  const ProcessResult served = run({"qemu-nbd", "-r", "-t", "--fork", "--pid-file=" + pid_file, "-k",
                                    chain / "nbd.sock", "-f", "qcow2", chain / "a.qcow2"});
  ASSERT_TRUE(served.ok()) << served.err;
  const ByteVector text = read_file(pid_file);
  const pid_t pid = std::stoi(std::string(reinterpret_cast<const char*>(text.data()), text.size()));
  expect_refusal(chain, chain.commit_command(), "qemu-nbd (pid " + std::to_string(pid) + ")");
  ::kill(pid, SIGTERM);
}

TEST(Locks, WhileACommitRunsQemuDoesNotReadThroughTheBase) {
  const RealChain chain(8 << 20);
  Child child(chain.commit_command(slow));
  EXPECT_THAT(child.read_error_line(), HasSubstr("Block Commit")) << "it is under way";
  for (const char* const name : {"a.qcow2", "b.qcow2"}) {
    const ProcessResult reading = run({"qemu-io", "-r", "-f", "qcow2", "-c", "read 0 4k", chain / name});
    EXPECT_NE(reading.status, 0) << name;
    EXPECT_THAT(reading.err, HasSubstr("lock"));
  }
  child.send(SIGINT);
  EXPECT_EQ(child.wait(), 130);
  EXPECT_TRUE(run({"qemu-io", "-r", "-f", "qcow2", "-c", "read 0 4k", chain / "b.qcow2"}).ok());
}

TEST(Locks, AMountedChainIsNotTouched) {
  const RealChain chain(64 << 10);
  const std::string place = chain / "mnt";
  std::filesystem::create_directory(place);
  if (const ProcessResult mounted = run({QCHAIN_BINARY, "mount", chain.active(), place}); mounted.status != 0) {
    GTEST_SKIP() << "no mount here: " << mounted.err;
  }
  expect_refusal(chain, chain.commit_command(), "qchain (pid ");
  expect_refusal(chain, chain.full_commit_command(), "qchain (pid ");
  EXPECT_EQ(run({"fusermount3", "-u", place}).status, 0);
}

}  // namespace
}  // namespace qchain::test
