#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "tests/sandbox/injected_call.h"
#include "tests/support/qemu.h"
#include "tests/support/temp_dir.h"

namespace qchain::test {
namespace {

/// How a command is called, before the names of the files: IMAGE, and what it makes.
struct CommandCase {
  std::string name;
  Arguments words;
  std::string output;  ///< name of a new file or folder that follows IMAGE
};

class ConfinedCommand : public testing::TestWithParam<CommandCase> {
 protected:
  ConfinedCommand() {
    create_qcow2(base_, {.options = {}, .backing = {}, .backing_format = {}, .size = 1 << 20});
    qemu_io(base_, {"write -P 1 0 64k"});
    create_overlay(image_, base_, "qcow2");
    qemu_io(image_, {"write -P 2 64k 64k"});
  }
  [[nodiscard]] Arguments command() const {
    Arguments argv{QCHAIN_BINARY};
    argv.insert(argv.end(), GetParam().words.begin(), GetParam().words.end());
    argv.push_back(image_);
    if (GetParam().words.front() == "mount") {
      wait_for_watchdog();
      std::filesystem::create_directory(dir_ / GetParam().output);
    }
    if (!GetParam().output.empty()) {
      argv.push_back(dir_ / GetParam().output);
    }
    return argv;
  }
  [[nodiscard]] int opening(const std::string& path, int flags) const {
    const InjectedCall open{.number = SYS_openat,
                            .arguments = {static_cast<std::uint64_t>(AT_FDCWD), 0, static_cast<std::uint64_t>(flags)},
                            .path_argument = 1,
                            .path = path};
    return outcome_in_sandbox_of(command(), open).value_or(0);
  }

  /// A mount whose process was killed is taken away a moment later.
  void wait_for_watchdog() const {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (std::chrono::steady_clock::now() < deadline) {
      std::ifstream mounts("/proc/self/mountinfo");
      const std::string all{std::istreambuf_iterator<char>(mounts), {}};
      if (all.find(dir_.path()) == std::string::npos) {
        return;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    FAIL() << "a dead mount is left";
  }
  void TearDown() override { wait_for_watchdog(); }

  TempDir dir_;
  std::string base_ = dir_ / "base.qcow2";
  std::string image_ = dir_ / "image.qcow2";
};

bool is_refusal(int error) {
  return error == EPERM || error == EACCES;
}

TEST_P(ConfinedCommand, OpensNothingOnceItHasStarted) {
  EXPECT_TRUE(is_refusal(opening("/etc/passwd", O_RDONLY)));
  EXPECT_TRUE(is_refusal(opening("/etc/passwd", O_RDWR | O_CLOEXEC)));
  EXPECT_TRUE(is_refusal(opening(image_, O_RDONLY)));
  EXPECT_TRUE(is_refusal(opening(dir_ / "new", O_WRONLY | O_CREAT)));
}

TEST_P(ConfinedCommand, ReachesNoNetworkAndNoProgram) {
  const InjectedCall socket{.number = SYS_socket, .arguments = {AF_INET, SOCK_STREAM}, .path_argument = {}, .path = {}};
  EXPECT_TRUE(is_refusal(outcome_in_sandbox_of(command(), socket).value_or(0)));
  const InjectedCall exec{.number = SYS_execve, .arguments = {}, .path_argument = 0, .path = "/bin/true"};
  EXPECT_TRUE(is_refusal(outcome_in_sandbox_of(command(), exec).value_or(0)));
  const InjectedCall ring{.number = SYS_io_uring_setup, .arguments = {8}, .path_argument = {}, .path = {}};
  EXPECT_TRUE(is_refusal(outcome_in_sandbox_of(command(), ring).value_or(0)));
}

INSTANTIATE_TEST_SUITE_P(Commands, ConfinedCommand,
                         testing::Values(CommandCase{"info", {"info"}, ""}, CommandCase{"map", {"map"}, ""},
                                         CommandCase{"check", {"check"}, ""}, CommandCase{"copy", {"copy"}, "output"},
                                         CommandCase{"copy_to_qcow2", {"copy", "--format", "qcow2"}, "output"},
                                         CommandCase{"mount", {"mount", "-f"}, "mountpoint"}),
                         [](const auto& instance) { return instance.param.name; });

using UnconfinedCommand = ConfinedCommand;

TEST_P(UnconfinedCommand, EndsWithoutASandbox) {
  const InjectedCall nothing{.number = SYS_getpid, .arguments = {}, .path_argument = {}, .path = {}};
  EXPECT_EQ(outcome_in_sandbox_of(command(), nothing), std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(Commands, UnconfinedCommand,
                         testing::Values(CommandCase{"info", {"info", "--no-sandbox"}, ""},
                                         CommandCase{"map", {"map", "--no-sandbox"}, ""},
                                         CommandCase{"check", {"check", "--no-sandbox"}, ""},
                                         CommandCase{"copy", {"copy", "--no-sandbox"}, "output"}),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace qchain::test
