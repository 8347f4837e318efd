#include "tests/support/child.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <fstream>
#include <system_error>
#include <thread>

namespace qchain::test {
namespace {

std::vector<char*> pointers_to(const Arguments& argv) {
  std::vector<char*> pointers;
  for (const std::string& argument : argv) {
    pointers.push_back(const_cast<char*>(argument.c_str()));
  }
  pointers.push_back(nullptr);
  return pointers;
}

/// Ends to read from and to write to.
std::array<int, 2> make_pipe(ErrorPipe kind) {
  std::array<int, 2> ends{};
  const bool narrow = kind == ErrorPipe::narrow;
  constexpr int least = 0;  // the kernel makes some kilobytes of it, and counts its own with every line
  if ((narrow ? ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) : ::pipe2(ends.data(), O_CLOEXEC)) !=
          0 ||
      (narrow && ::setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &least, sizeof least) != 0)) {
    throw std::system_error(errno, std::generic_category(), "cannot make a pipe");
  }
  return ends;
}

/// Of `SigPnd:\t0000000000000002`.
bool is_pending(const std::string& line) {
  return (line.starts_with("SigPnd") || line.starts_with("ShdPnd")) &&
         line.find_first_of("123456789abcdef", 7) != line.npos;
}

bool has_pending_signal(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (is_pending(line)) {
      return true;
    }
  }
  return false;
}

}  // namespace

Child::Child(const Arguments& argv, ErrorPipe errors) {
  const std::array<int, 2> pipe = make_pipe(errors);
  errors_ = UniqueFd(pipe[0]);
  const UniqueFd writer(pipe[1]);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, writer.get(), STDERR_FILENO);
  const int failure = ::posix_spawnp(&pid_, argv[0].c_str(), &actions, nullptr, pointers_to(argv).data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failure != 0) {
    throw std::system_error(failure, std::generic_category(), argv[0]);
  }
}

Child::~Child() {
  if (pid_ > 0) {
    send(SIGKILL);
    static_cast<void>(wait());
  }
}

void Child::send(int signal) const {
  if (pid_ > 0) {  // -1 would be everybody
    ::kill(pid_, signal);
  }
}

void Child::wait_until_signals_are_taken() const {
  while (has_pending_signal(pid_)) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

std::string Child::read_error_line() {
  std::string line;
  char c = 0;
  while (::read(errors_.get(), &c, 1) == 1 && c != '\n') {
    line += c;
  }
  return line;
}

std::string Child::read_errors() {
  std::string all;
  char c = 0;
  while (::read(errors_.get(), &c, 1) == 1) {
    all += c;
  }
  return all;
}

int Child::wait() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace qchain::test
