#include "sandbox/sandbox.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <functional>
#include <memory>
#include <thread>

#include "qcow/storage/output_file.h"
#include "qcow/storage/page_cache.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

namespace qchain::test {
namespace {

using sandbox::Confinement;
using sandbox::Duty;
using sandbox::Needs;
using sandbox::Protections;

constexpr int broke = 255;  ///< of a process that could not enter the sandbox

/// Runs in a process of its own that has entered the sandbox. Its exit status: what `work` gives.
int in_sandbox(const Needs& needs, const std::function<int(const Protections&)>& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    const auto protections = sandbox::enter(needs, Confinement::on);
    ::_exit(protections ? work(*protections) : broke);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// 0, or why a call failed.
int outcome(long result) {
  return result < 0 ? errno : 0;
}

std::string name_of(Duty duty) {
  constexpr std::array names{"read", "copy", "serve"};
  return names.at(static_cast<std::size_t>(duty));
}

class Sandbox : public testing::TestWithParam<Duty> {
 protected:
  void SetUp() override {
    const int on = in_sandbox({}, [](const Protections& p) { return p.system_calls && p.no_new_privileges ? 1 : 0; });
    if (on == 0) {
      GTEST_SKIP() << "this kernel has no seccomp filters, or a sanitizer's runtime needs what they refuse";
    }
    write_file(file_, bytes_of("content"));
    fd_ = UniqueFd(::open(file_.c_str(), O_RDONLY | O_CLOEXEC));
    folder_ = UniqueFd(::open(dir_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  /// What `attempt` gives in the sandbox of the parameter's duty: 0 or its errno.
  int try_it(const std::function<long()>& attempt) const {
    const Needs needs{.duty = GetParam(), .output_folder = GetParam() == Duty::copy ? folder_.get() : -1};
    return in_sandbox(needs, [&](const Protections&) { return outcome(attempt()); });
  }
  bool refuses(const std::function<long()>& attempt) const {
    const int error = try_it(attempt);
    return error == EPERM || error == EACCES;
  }

  TempDir dir_;
  std::string file_ = dir_ / "file";
  UniqueFd fd_;
  UniqueFd folder_;
};

TEST_P(Sandbox, OpensNoFile) {
  EXPECT_TRUE(refuses([&] { return ::open(file_.c_str(), O_RDONLY); }));
  EXPECT_TRUE(refuses([&] { return ::open(file_.c_str(), O_RDWR | O_CLOEXEC); }));
  EXPECT_TRUE(refuses([&] { return ::open(file_.c_str(), O_PATH); }));
  EXPECT_TRUE(refuses([&] { return ::open((dir_ / "new").c_str(), O_WRONLY | O_CREAT, 0600); }));
  EXPECT_TRUE(refuses([&] { return ::openat(folder_.get(), "file", O_RDONLY); }));
  EXPECT_TRUE(refuses([&] { return ::openat(folder_.get(), "file", O_RDWR | O_CLOEXEC); }));
  EXPECT_TRUE(refuses([&] { return ::syscall(SYS_open, file_.c_str(), O_RDONLY); }));
  EXPECT_TRUE(refuses([&] { return ::syscall(SYS_openat2, AT_FDCWD, file_.c_str(), nullptr, 0); }));
  EXPECT_TRUE(refuses([&] { return ::syscall(SYS_io_uring_setup, 8, nullptr); }));
}

TEST_P(Sandbox, ChangesNoFileByName) {
  EXPECT_TRUE(refuses([&] { return ::unlink(file_.c_str()); }));
  EXPECT_TRUE(refuses([&] { return ::rename(file_.c_str(), (dir_ / "new").c_str()); }));
  EXPECT_TRUE(refuses([&] { return ::mkdir((dir_ / "new").c_str(), 0700); }));
  EXPECT_TRUE(refuses([&] { return ::chmod(file_.c_str(), 0777); }));
  EXPECT_TRUE(refuses([&] { return ::truncate(file_.c_str(), 0); }));
  EXPECT_TRUE(refuses([&] { return ::symlink("/etc/passwd", (dir_ / "new").c_str()); }));
}

TEST_P(Sandbox, StartsNoProgramAndNoProcess) {
  EXPECT_TRUE(refuses([] {
    const char* const argv[] = {"true", nullptr};
    return ::execv("/bin/true", const_cast<char**>(argv));
  }));
  EXPECT_TRUE(refuses([] { return ::fork(); }));
}

TEST_P(Sandbox, TouchesNoOtherProcessAndNoNetwork) {
  EXPECT_TRUE(refuses([] { return ::kill(::getppid(), 0); }));
  EXPECT_TRUE(refuses([] { return ::syscall(SYS_tgkill, ::getppid(), ::getppid(), 0); }));
  EXPECT_TRUE(refuses([] { return ::ptrace(PTRACE_ATTACH, ::getppid(), nullptr, nullptr); }));
  EXPECT_TRUE(refuses([] { return ::socket(AF_INET, SOCK_STREAM, 0); }));
  EXPECT_TRUE(refuses([] { return ::socket(AF_UNIX, SOCK_DGRAM, 0); }));
}

TEST_P(Sandbox, MakesNoMemoryExecutable) {
  EXPECT_TRUE(refuses([] {
    return ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0;
  }));
  EXPECT_TRUE(refuses([] {
    void* const page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return ::mprotect(page, 4096, PROT_READ | PROT_EXEC);
  }));
}

TEST_P(Sandbox, MayAskWhatIsInMemory) {
  const Range all{0, 7};
  EXPECT_EQ(try_it([&] { return cached_bytes_by_mincore(fd_.get(), all) ? 0 : -1; }), 0);
  if (cached_bytes_by_cachestat(fd_.get(), all)) {
    EXPECT_EQ(try_it([&] { return cached_bytes_by_cachestat(fd_.get(), all) ? 0 : -1; }), 0);
  }
}

TEST_P(Sandbox, ReadsWhatIsOpenAndStartsThreads) {
  EXPECT_EQ(try_it([&] {
              long count = -1;
              std::jthread([&] {
                const auto buffer = std::make_unique<char[]>(1 << 20);
                count = ::pread(fd_.get(), buffer.get(), 1 << 20, 0);
              }).join();
              return count == 7 ? 0 : -1;
            }),
            0);
  EXPECT_EQ(try_it([&] {
              struct stat status{};
              return ::fstat(fd_.get(), &status);
            }),
            0);
}

INSTANTIATE_TEST_SUITE_P(Duties, Sandbox, testing::Values(Duty::read, Duty::copy, Duty::serve),
                         [](const auto& instance) { return name_of(instance.param); });

using SandboxForReading = Sandbox;
INSTANTIATE_TEST_SUITE_P(Duties, SandboxForReading, testing::Values(Duty::read));

TEST_P(SandboxForReading, BindsThreadsThatRunAlready) {
  EXPECT_EQ(in_sandbox({}, [](const Protections&) { return 0; }), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    int ready[2];
    int error = -1;
    if (::pipe(ready) != 0) {
      ::_exit(broke);
    }
    std::jthread before([&] {
      char word = 0;
      static_cast<void>(!::read(ready[0], &word, 1));
      error = outcome(::open(file_.c_str(), O_RDONLY));
    });
    const bool entered = sandbox::enter({}, Confinement::on).has_value();
    static_cast<void>(!::write(ready[1], "", 1));
    before.join();
    ::_exit(entered ? error : broke);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), EPERM);
}

TEST_P(SandboxForReading, IsLeftOutWhereItIsNotWanted) {
  const pid_t child = ::fork();
  if (child == 0) {
    const auto protections = sandbox::enter({}, Confinement::off);
    ::_exit(protections && !protections->system_calls ? outcome(::open(file_.c_str(), O_RDONLY)) : broke);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_P(SandboxForReading, WritesToNothingOnDisk) {
  const UniqueFd output(::open((dir_ / "output").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  EXPECT_TRUE(refuses([&] { return ::pwrite(output.get(), "x", 1, 0); }));
  EXPECT_TRUE(refuses([&] { return ::ftruncate(output.get(), 1); }));
}

class SandboxForCopying : public Sandbox {
 protected:
  /// An output that is written and gets its name inside the sandbox.
  int publish_inside(const std::string& path, Existing existing) {
    const auto output = OutputFile::create(path, existing);
    EXPECT_TRUE(output) << describe(output.error());
    return in_sandbox({.duty = Duty::copy, .output_folder = (*output)->folder()}, [&](const Protections&) {
      return (*output)->file().write(0, bytes_of("new")) && (*output)->publish() ? 0 : 1;
    });
  }
};
INSTANTIATE_TEST_SUITE_P(Duties, SandboxForCopying, testing::Values(Duty::copy));

TEST_P(SandboxForCopying, GivesTheOutputItsName) {
  EXPECT_EQ(publish_inside(dir_ / "output", Existing::refuse), 0);
  EXPECT_EQ(read_file(dir_ / "output"), bytes_of("new"));
}

TEST_P(SandboxForCopying, ReplacesAnOldOutput) {
  EXPECT_EQ(publish_inside(file_, Existing::replace), 0);
  EXPECT_EQ(read_file(file_), bytes_of("new"));
}

TEST_P(SandboxForCopying, GivesNoNamesInOtherFolders) {
  const TempDir elsewhere;
  const std::string other = elsewhere / "file";
  write_file(other, bytes_of("content"));
  const int landlock = in_sandbox({}, [](const Protections& p) { return p.landlock; });
  if (landlock == 0) {
    GTEST_SKIP() << "this kernel has no Landlock: names are not looked at";
  }
  EXPECT_TRUE(refuses([&] { return ::unlinkat(folder_.get(), other.c_str(), 0); }));
  const int linked = try_it([&] {
    const std::string self = "/proc/self/fd/" + std::to_string(fd_.get());
    return ::linkat(AT_FDCWD, self.c_str(), folder_.get(), (elsewhere / "new").c_str(), AT_SYMLINK_FOLLOW);
  });
  EXPECT_TRUE(linked == EACCES || linked == EXDEV) << linked;
}

class SandboxForServing : public Sandbox {};
INSTANTIATE_TEST_SUITE_P(Duties, SandboxForServing, testing::Values(Duty::serve));

TEST_P(SandboxForServing, OpensNotEvenTheKernelsQueue) {
  EXPECT_TRUE(refuses([] { return ::open("/dev/fuse", O_RDWR | O_CLOEXEC); }));
}

TEST_P(SandboxForServing, InterruptsAThreadOfItsOwn) {
  EXPECT_EQ(try_it([] {
              struct sigaction ignored{};
              ignored.sa_handler = [](int) {};
              return ::sigaction(SIGUSR1, &ignored, nullptr) == 0 ? ::pthread_kill(::pthread_self(), SIGUSR1) : -1;
            }),
            0);
}

TEST_P(SandboxForServing, ReadsWithoutWaiting) {
  EXPECT_EQ(try_it([] { return ::syscall(SYS_io_submit, 0, 0, nullptr); }), EINVAL) << "it gets to look at the context";
  EXPECT_EQ(try_it([] { return ::syscall(SYS_io_getevents, 0, 0, 0, nullptr, nullptr); }), EINVAL);
  EXPECT_EQ(try_it([] { return ::syscall(SYS_io_destroy, 0); }), EINVAL);
}

TEST_P(SandboxForReading, ReadsOnlyWaiting) {
  EXPECT_EQ(try_it([] { return ::syscall(SYS_io_submit, 0, 0, nullptr); }), EPERM);
}

}  // namespace
}  // namespace qchain::test
