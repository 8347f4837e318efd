#include "cli/interrupts.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

#include <array>
#include <cstdint>

namespace qchain::cli {

namespace {

/// SIGINT and SIGTERM, but what the caller told us to ignore (a shell does for background jobs) stays ignored.
sigset_t wanted_signals() {
  sigset_t wanted;
  sigemptyset(&wanted);
  for (const int signal : {SIGINT, SIGTERM}) {
    struct sigaction action{};
    if (::sigaction(signal, nullptr, &action) != 0 || action.sa_handler != SIG_IGN) {
      sigaddset(&wanted, signal);
    }
  }
  return wanted;
}

}  // namespace

Interrupts::Interrupts() {
  const sigset_t wanted = wanted_signals();
  pthread_sigmask(SIG_BLOCK, &wanted, &before_);
  signals_ = UniqueFd(signalfd(-1, &wanted, SFD_CLOEXEC));
  end_ = UniqueFd(eventfd(0, EFD_CLOEXEC));
  waiter_ = std::jthread([this] { wait(); });
}

Interrupts::~Interrupts() {
  constexpr std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(end_.get(), &one, sizeof one);  // an eventfd at 0 takes it
  waiter_.join();
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void Interrupts::wait() {
  std::array<pollfd, 2> fds = {pollfd{signals_.get(), POLLIN, 0}, pollfd{end_.get(), POLLIN, 0}};
  while (fds[1].revents == 0) {
    if (::poll(fds.data(), fds.size(), -1) > 0 && fds[0].revents != 0) {
      signalfd_siginfo signal;
      if (::read(signals_.get(), &signal, sizeof signal) > 0) {
        source_.request_stop();
      }
    }
  }
}

}  // namespace qchain::cli
