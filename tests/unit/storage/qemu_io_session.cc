#include "tests/unit/storage/qemu_io_session.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace qchain::test {
namespace {

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Pipe make_pipe() {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) {
    throw std::system_error(errno, std::generic_category(), "pipe");
  }
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

pid_t spawn(Arguments& words, const Pipe& input, const Pipe& output) {
  std::vector<char*> pointers;
  for (std::string& word : words) {
    pointers.push_back(word.data());
  }
  pointers.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, input.read.get(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, output.write.get(), STDOUT_FILENO);
  pid_t pid = -1;
  const int error = ::posix_spawnp(&pid, pointers[0], &actions, nullptr, pointers.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    throw std::system_error(error, std::generic_category(), words[0]);
  }
  return pid;
}

/// The prompt comes after the image has been opened; without one, qemu-io has ended.
bool read_prompt(const UniqueFd& output) {
  std::string seen;
  std::array<char, 256> buffer;
  while (!seen.contains("qemu-io> ")) {
    const ssize_t count = ::read(output.get(), buffer.data(), buffer.size());
    if (count <= 0) {
      return false;
    }
    seen.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return true;
}

}  // namespace

QemuIoSession::QemuIoSession(Arguments arguments) {
  arguments.insert(arguments.begin(), "qemu-io");
  Pipe input = make_pipe();
  Pipe output = make_pipe();
  pid_ = spawn(arguments, input, output);
  input_ = std::move(input.write);
  output_ = std::move(output.read);
  output = Pipe();  // the session's end of it must be the only one, or its end would never be seen
  if (!read_prompt(output_)) {
    ::waitpid(pid_, nullptr, 0);
    throw std::runtime_error("qemu-io did not open its image");
  }
}

QemuIoSession::~QemuIoSession() {
  input_ = UniqueFd();  // the end of its commands
  ::waitpid(pid_, nullptr, 0);
}

}  // namespace qchain::test
