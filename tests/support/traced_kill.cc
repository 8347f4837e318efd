#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>
#include <utility>

#include "tests/support/child.h"

namespace qchain::test {
namespace {

constexpr std::array<std::pair<long, const char*>, 13> changes{{{SYS_pwrite64, "pwrite"},
                                                                {SYS_ftruncate, "ftruncate"},
                                                                {SYS_fallocate, "fallocate"},
                                                                {SYS_fdatasync, "fdatasync"},
                                                                {SYS_fsync, "fsync"},
                                                                {SYS_rename, "rename"},
                                                                {SYS_renameat, "renameat"},
                                                                {SYS_renameat2, "renameat2"},
                                                                {SYS_unlink, "unlink"},
                                                                {SYS_unlinkat, "unlinkat"},
                                                                {SYS_copy_file_range, "copy_file_range"},
                                                                {SYS_linkat, "linkat"},
                                                                {SYS_ioctl, "ioctl"}}};

const char* name_of_change(long number) {
  const auto* const found = std::ranges::find(changes, number, &std::pair<long, const char*>::first);
  return found == changes.end() ? nullptr : found->second;
}

void expect(bool done, const char* what) {
  if (!done) {
    throw std::system_error(errno, std::generic_category(), what);
  }
}

/// Starts a program that waits for its tracer.
pid_t start_traced(const Arguments& argv) {
  std::vector<char*> pointers;
  for (const std::string& argument : argv) {
    pointers.push_back(const_cast<char*>(argument.c_str()));
  }
  pointers.push_back(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    const int nothing = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    ::dup2(nothing, STDOUT_FILENO);
    ::dup2(nothing, STDERR_FILENO);
    ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    ::execv(pointers[0], pointers.data());
    ::_exit(127);
  }
  int status = 0;
  expect(::waitpid(child, &status, 0) == child && WIFSTOPPED(status), "cannot trace a process");
  expect(::ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) == 0,
         "cannot trace a process");
  return child;
}

bool shares_blocks(std::uint64_t request) {
  return request == FICLONE || request == FICLONERANGE;
}

/// The changing call that the stopped process is about to make, or null.
const char* change_at_stop(pid_t child) {
  struct __ptrace_syscall_info info{};
  expect(::ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof info, &info) > 0, "cannot trace a process");
  if (info.op != PTRACE_SYSCALL_INFO_ENTRY || (info.entry.nr == SYS_ioctl && !shares_blocks(info.entry.args[1]))) {
    return nullptr;
  }
  return name_of_change(static_cast<long>(info.entry.nr));
}

}  // namespace

std::string kill_at_change(const Arguments& argv, std::uint64_t number) {
  const pid_t child = start_traced(argv);
  int status = 0;
  long signal = 0;
  while (true) {
    expect(::ptrace(PTRACE_SYSCALL, child, nullptr, signal) == 0, "cannot trace");
    expect(::waitpid(child, &status, 0) == child, "cannot wait");
    if (!WIFSTOPPED(status)) {
      return {};
    }
    signal = WSTOPSIG(status) == (SIGTRAP | 0x80) ? 0 : WSTOPSIG(status);
    const char* const change = signal == 0 ? change_at_stop(child) : nullptr;
    if (change != nullptr && number-- == 0) {
      ::kill(child, SIGKILL);
      expect(::waitpid(child, &status, 0) == child, "cannot wait");
      return change;
    }
  }
}

}  // namespace qchain::test
