#include "tests/support/child.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>

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

}  // namespace

Child::Child(const Arguments& argv) {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) {
    throw std::system_error(errno, std::generic_category(), "pipe2");
  }
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
