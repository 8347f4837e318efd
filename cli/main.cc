#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <iostream>
#include <ostream>

#include "cli/exit_status.h"
#include "cli/fd_output.h"
#include "cli/run.h"

namespace {

using namespace qchain;
using namespace qchain::cli;

/// An image must never get the number of a closed standard stream: what is printed would be written into it.
void keep_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) < 0 && errno == EBADF) {
      [[maybe_unused]] const int opened = ::open("/dev/null", O_RDWR);  // takes the lowest free number: this one
    }
  }
}

/// A chain of thousands of layers has as many files open.
void raise_open_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
}

std::size_t terminal_width() {
  winsize size{};
  const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

/// A reader that has seen enough (`| head`) is no failure; a full disk is.
int status_of_output(int status, const FdOutput& output) {
  if (output.failure() == 0 || output.failure() == EPIPE || status != 0) {
    return status;
  }
  const Error error = make_error(ErrorKind::io, "cannot write").in("standard output").because(output.failure());
  std::cerr << "qchain: " << describe(error) << '\n';
  return static_cast<int>(exit_status_of(error.kind));
}

}  // namespace

int main(int argc, char** argv) {
  keep_standard_streams();
  std::signal(SIGPIPE, SIG_IGN);
  raise_open_file_limit();
  FdOutput output(STDOUT_FILENO);
  std::ostream out(&output);
  Io io{.out = out, .err = std::cerr, .terminal = ::isatty(STDERR_FILENO) == 1, .width = terminal_width()};
  io.confinement = sandbox::Confinement::on;
  const int status = run({argv + 1, argv + argc}, io);
  out.flush();
  return status_of_output(status, output);
}
