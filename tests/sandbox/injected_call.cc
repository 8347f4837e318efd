#include "tests/sandbox/injected_call.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>
#include <vector>

namespace qchain::test {
namespace {

void expect(bool done, const char* what) {
  if (!done) {
    throw std::system_error(errno, std::generic_category(), what);
  }
}

/// A process whose system calls are stopped at; killed with this object.
class Traced {
 public:
  explicit Traced(const Arguments& argv) {
    std::vector<char*> pointers;
    for (const std::string& argument : argv) {
      pointers.push_back(const_cast<char*>(argument.c_str()));
    }
    pointers.push_back(nullptr);
    process_ = ::fork();
    if (process_ == 0) {
      const int nothing = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
      ::dup2(nothing, STDOUT_FILENO);
      ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
      ::execv(pointers[0], pointers.data());
      ::_exit(127);
    }
    int status = 0;
    expect(::waitpid(process_, &status, 0) == process_ && WIFSTOPPED(status), "cannot trace a process");
    expect(::ptrace(PTRACE_SETOPTIONS, process_, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) == 0, "trace");
  }
  Traced(const Traced&) = delete;
  Traced& operator=(const Traced&) = delete;
  ~Traced() {
    if (!ended_) {
      ::kill(process_, SIGKILL);
      while (::waitpid(process_, nullptr, 0) == process_) {
      }
    }
  }

  /// Goes on to where a system call begins or ends. False at the end of the process.
  bool go_on() {
    long signal = 0;
    while (true) {
      expect(::ptrace(PTRACE_SYSCALL, process_, nullptr, signal) == 0, "cannot trace");
      int status = 0;
      expect(::waitpid(process_, &status, 0) == process_, "cannot wait");
      if (!WIFSTOPPED(status)) {
        ended_ = true;
        return false;
      }
      if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
        return true;
      }
      signal = WSTOPSIG(status);
    }
  }
  [[nodiscard]] __ptrace_syscall_info where() const {
    __ptrace_syscall_info info{};
    expect(::ptrace(PTRACE_GET_SYSCALL_INFO, process_, sizeof info, &info) > 0, "cannot look at a call");
    return info;
  }

  /// At the beginning of a call: makes it another one.
  void replace(const InjectedCall& call) const {
    user_regs_struct registers{};
    expect(::ptrace(PTRACE_GETREGS, process_, nullptr, &registers) == 0, "cannot read registers");
    auto arguments = call.arguments;
    if (call.path_argument) {
      const std::uint64_t place = registers.rsp - 4096;  // nothing is kept so far below the stack's end
      write_text(place, call.path);
      arguments.at(*call.path_argument) = place;
    }
    registers.orig_rax = static_cast<unsigned long>(call.number);
    registers.rdi = arguments[0];
    registers.rsi = arguments[1];
    registers.rdx = arguments[2];
    registers.r10 = arguments[3];
    registers.r8 = arguments[4];
    registers.r9 = arguments[5];
    expect(::ptrace(PTRACE_SETREGS, process_, nullptr, &registers) == 0, "cannot write registers");
  }

 private:
  void write_text(std::uint64_t place, const std::string& text) const {
    std::string padded = text + std::string(sizeof(long) - text.size() % sizeof(long), '\0');
    for (std::size_t at = 0; at < padded.size(); at += sizeof(long)) {
      long word = 0;
      std::memcpy(&word, padded.data() + at, sizeof word);
      expect(::ptrace(PTRACE_POKEDATA, process_, place + at, word) == 0, "cannot write memory");
    }
  }

  pid_t process_ = -1;
  bool ended_ = false;
};

bool is_filter_in_force(const __ptrace_syscall_info& entry, const __ptrace_syscall_info& exit) {
  return entry.entry.nr == SYS_seccomp && entry.entry.args[0] == SECCOMP_SET_MODE_FILTER && exit.exit.rval >= 0 &&
         exit.exit.is_error == 0 && entry.entry.args[2] != 0;
}

}  // namespace

std::optional<int> outcome_in_sandbox_of(const Arguments& argv, const InjectedCall& call) {
  Traced command(argv);
  bool confined = false;
  while (command.go_on()) {
    const auto entry = command.where();
    if (confined) {
      command.replace(call);
      expect(command.go_on(), "the command ended in the injected call");
      const auto exit = command.where();
      return exit.exit.is_error != 0 ? static_cast<int>(-exit.exit.rval) : 0;
    }
    if (!command.go_on()) {
      break;
    }
    confined = is_filter_in_force(entry, command.where());
  }
  return std::nullopt;
}

}  // namespace qchain::test
