#include "tests/support/process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace qchain::test {
namespace {

/// A pipe whose ends are closed with it; close-on-exec, so that no other child holds it open.
class Pipe {
 public:
  Pipe() {
    if (::pipe2(ends_.data(), O_CLOEXEC) != 0) {
      throw std::system_error(errno, std::generic_category(), "pipe2");
    }
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    close_end(0);
    close_end(1);
  }
  [[nodiscard]] int reader() const noexcept { return ends_[0]; }
  [[nodiscard]] int writer() const noexcept { return ends_[1]; }
  void close_reader() noexcept { close_end(0); }
  void close_writer() noexcept { close_end(1); }

 private:
  void close_end(std::size_t end) noexcept {
    if (ends_[end] >= 0) {
      ::close(ends_[end]);
    }
    ends_[end] = -1;
  }
  std::array<int, 2> ends_{-1, -1};
};

class FileActions {
 public:
  FileActions() { ::posix_spawn_file_actions_init(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  ~FileActions() { ::posix_spawn_file_actions_destroy(&actions_); }
  [[nodiscard]] posix_spawn_file_actions_t* get() noexcept { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

pid_t spawn(const Arguments& argv, const std::string& folder, const Pipe& out, const Pipe& err) {
  FileActions actions;
  ::posix_spawn_file_actions_addopen(actions.get(), 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(actions.get(), out.writer(), 1);
  ::posix_spawn_file_actions_adddup2(actions.get(), err.writer(), 2);
  if (!folder.empty()) {
    ::posix_spawn_file_actions_addchdir_np(actions.get(), folder.c_str());
  }
  std::vector<char*> pointers;
  for (const std::string& argument : argv) {
    pointers.push_back(const_cast<char*>(argument.c_str()));
  }
  pointers.push_back(nullptr);
  pid_t child = -1;
  const int failure = ::posix_spawnp(&child, pointers[0], actions.get(), nullptr, pointers.data(), environ);
  if (failure != 0) {
    throw std::system_error(failure, std::generic_category(), "cannot start " + argv.at(0));
  }
  return child;
}

/// False at the end of the stream.
bool take(int descriptor, std::string& into) {
  std::array<char, 65536> buffer;
  const ssize_t count = ::read(descriptor, buffer.data(), buffer.size());
  if (count > 0) {
    into.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return count > 0 || (count < 0 && errno == EINTR);
}

void drain(Pipe& out, Pipe& err, ProcessResult& result) {
  std::array<pollfd, 2> waiting{{{out.reader(), POLLIN, 0}, {err.reader(), POLLIN, 0}}};
  while (waiting[0].fd >= 0 || waiting[1].fd >= 0) {
    if (::poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR) {
      break;
    }
    if (waiting[0].revents != 0 && !take(out.reader(), result.out)) {
      waiting[0].fd = -1;
    }
    if (waiting[1].revents != 0 && !take(err.reader(), result.err)) {
      waiting[1].fd = -1;
    }
  }
}

int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool needs_quotes(const std::string& text) {
  constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/=,:+%";
  return text.empty() || text.find_first_not_of(plain) != std::string::npos;
}

std::string quoted(const std::string& text) {
  if (!needs_quotes(text)) {
    return text;
  }
  std::string result = "'";
  for (const char c : text) {
    result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return result + "'";
}

}  // namespace

ProcessResult run(const Arguments& argv, const std::string& folder) {
  Pipe out;
  Pipe err;
  const pid_t child = spawn(argv, folder, out, err);
  out.close_writer();
  err.close_writer();
  ProcessResult result;
  drain(out, err, result);
  result.status = wait_for(child);
  return result;
}

std::string must_run(const Arguments& argv, const std::string& folder) {
  ProcessResult result = run(argv, folder);
  if (!result.ok()) {
    throw std::runtime_error(shell_line(argv) + "\n  exit status " + std::to_string(result.status) + ": " + result.err +
                             result.out);
  }
  return std::move(result.out);
}

std::string shell_line(const Arguments& argv) {
  std::string line;
  for (const std::string& argument : argv) {
    line += (line.empty() ? "" : " ") + quoted(argument);
  }
  return line;
}

}  // namespace qchain::test
