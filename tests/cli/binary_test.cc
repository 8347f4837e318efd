#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <iterator>

#include "tests/cli/run_cli.h"
#include "tests/cli/sample_chain.h"
#include "tests/support/files.h"
#include "tests/support/process.h"
#include "tests/support/qemu.h"

namespace qchain::test {
namespace {

using testing::HasSubstr;

/// What only the real process shows: its streams, signals and limits.
class Binary : public SampleChain {
 protected:
  static ProcessResult shell(const std::string& script) {
    return run({"bash", "-c", "set -o pipefail; Q=" QCHAIN_BINARY "; " + script});
  }
};

TEST_F(Binary, results_on_stdout_errors_on_stderr) {
  const ProcessResult good = shell("$Q info c.qcow2");
  EXPECT_EQ(good.status, 0);
  EXPECT_THAT(good.out, HasSubstr("4 layers"));
  EXPECT_EQ(good.err, "");
  const ProcessResult bad = shell("$Q info none");
  EXPECT_EQ(bad.status, 2);
  EXPECT_EQ(bad.out, "");
  EXPECT_THAT(bad.err, HasSubstr("qchain: none: no such file"));
}

TEST_F(Binary, loads_libvirt_only_for_a_domain) {
  EXPECT_EQ(shell("ldd $Q | grep libvirt").out, "");
  const std::string traced = "strace -f -e trace=openat -o trace $Q ";
  ASSERT_EQ(shell(traced + "info c.qcow2").status, 0);
  EXPECT_EQ(shell("grep libvirt.so trace").out, "");
}

TEST_F(Binary, says_why_libvirt_cannot_be_loaded) {
  write_file(path("libvirt.so.0"), ByteVector(4096, std::byte{'x'}));
  const ProcessResult result = shell("LD_LIBRARY_PATH=. $Q list --domain guest");
  if (result.err.contains("built without libvirt")) {
    GTEST_SKIP() << result.err;
  }
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err,
              HasSubstr("qchain: cannot load libvirt: ./libvirt.so.0: invalid ELF header; install libvirt0"));
  EXPECT_EQ(lines_of(result.err).size(), 1U);
}

TEST_F(Binary, a_reader_that_leaves_early_is_no_failure) {
  make_dust(path("dust.raw"));  // more output than a pipe and a buffer hold
  const ProcessResult result = shell("$Q map --output=json dust.raw | head -1");
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(lines_of(result.out).size(), 1U);
}

TEST_F(Binary, output_that_cannot_be_written_is_a_failure) {
  const ProcessResult result = shell("$Q info c.qcow2 >/dev/full");
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("standard output: cannot write: No space left on device"));
  EXPECT_EQ(lines_of(result.err).size(), 1U);
}

TEST_F(Binary, opens_more_files_than_the_soft_limit) {
  const ProcessResult result = shell("ulimit -Sn 5; $Q info c.qcow2");
  EXPECT_EQ(result.status, 0) << result.err;
}

class Signals : public Binary {
 protected:
  void SetUp() override {
    Binary::SetUp();
    std::filesystem::create_directory("signals");
    write_file("signals/image", telling_bytes(64 << 20, 1));
  }
  void TearDown() override {
    std::filesystem::remove_all("signals");
    Binary::TearDown();
  }
  static std::vector<std::string> signalled_copy(const std::string& name, const std::string& disposition) {
    return signalled(name, disposition, "Copy", {"copy", "--verbose", "signals/image", "signals/out"});
  }
  static std::vector<std::string> signalled(const std::string& name, const std::string& disposition,
                                            const std::string& progress, const std::vector<std::string>& words) {
    const std::string script = QCHAIN_CLI_TESTS "/signal_stalled.py";
    std::vector<std::string> command{"python3", script, name, disposition, progress, QCHAIN_BINARY};
    command.insert(command.end(), words.begin(), words.end());
    return lines_of(must_run(command));
  }
  static std::size_t files() {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator("signals"), {}));
  }
};

TEST_F(Signals, stop_a_copy_that_says_how_to_go_on_and_leaves_nothing) {
  for (const char* name : {"INT", "TERM"}) {
    EXPECT_THAT(signalled_copy(name, "default"),
                testing::ElementsAre("status 130",
                                     "qchain: signals/out: copy interrupted; no output was made; run the same command "
                                     "again to start anew"));
    EXPECT_EQ(files(), 1U) << "the image alone: neither the output nor a temporary file";
  }
}

TEST_F(Signals, stop_the_reading_back_of_a_commit_that_says_how_to_go_on) {
  resize_file("signals/image", std::uint64_t{16} << 30);
  create_overlay("signals/top.qcow2", "image", "raw");
  std::vector<std::string> zeros;  // read back in many steps
  for (int gibibyte = 0; gibibyte < 16; ++gibibyte) {
    zeros.push_back("write -z " + std::to_string(gibibyte) + "G 1G");
  }
  qemu_io("signals/top.qcow2", zeros);
  must_run({QCHAIN_BINARY, "commit", "signals/top.qcow2"});
  const std::vector<std::string> verify{"commit", "--verify", "--verbose", "signals/top.qcow2"};
  const std::string image = std::filesystem::absolute("signals/image");
  EXPECT_THAT(signalled("INT", "default", "Verify", verify),
              testing::ElementsAre("status 130", "qchain: " + image +
                                                     ": interrupted; the layers are merged into it; qchain verify "
                                                     "on it goes on"));
  EXPECT_THAT(must_run({QCHAIN_BINARY, "verify", "signals/image"}), HasSubstr("same"));
}

TEST_F(Signals, that_the_caller_ignores_stay_ignored) {
  EXPECT_THAT(signalled_copy("INT", "ignored"), testing::ElementsAre("status 0", "Copy: [100 %]"));
  EXPECT_EQ(read_file("signals/out"), read_file("signals/image"));
}

}  // namespace
}  // namespace qchain::test
