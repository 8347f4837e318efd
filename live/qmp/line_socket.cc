#include "live/qmp/line_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

namespace qchain::live::qmp {
namespace {

enum class Wake : std::uint8_t { socket, time_up, stop };

/// Becomes readable when a stop is asked for, so that poll() can wait for both.
class StopSignal {
 public:
  explicit StopSignal(const std::stop_token& stop)
      : fd_(stop.stop_possible() ? ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1), callback_(stop, Ring{fd_.get()}) {}
  [[nodiscard]] int descriptor() const noexcept { return fd_.get(); }

 private:
  struct Ring {
    int fd;
    void operator()() const noexcept {
      constexpr std::uint64_t one = 1;
      [[maybe_unused]] const ssize_t written = ::write(fd, &one, sizeof one);  // an eventfd at 0 takes it
    }
  };
  UniqueFd fd_;
  std::stop_callback<Ring> callback_;
};

/// Rounded up: a wait that ends just before its time would be repeated without a pause.
int milliseconds_until(Clock::time_point until) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
  return static_cast<int>(std::clamp<decltype(left)>(left, 0, 3'600'000));
}

std::string_view advice_for(int connecting) {
  switch (connecting) {
    case EAGAIN:
      return "another client is connected to it: QEMU talks to one at a time";
    case ECONNREFUSED:
      return "no QEMU listens there any more";
    case ENOENT:
      return "it is what QEMU was started with: -qmp unix:SOCKET,server=on,wait=off";
    default:
      return {};
  }
}

Wake wait(int socket, short events, Clock::time_point until, int stop) {
  std::array<pollfd, 2> fds{pollfd{socket, events, 0}, pollfd{stop, POLLIN, 0}};
  while (true) {
    const int ready = ::poll(fds.data(), fds.size(), milliseconds_until(until));
    if (ready > 0) {
      return fds[1].revents != 0 ? Wake::stop : Wake::socket;
    }
    if (ready == 0 && Clock::now() >= until) {
      return Wake::time_up;
    }
  }
}

}  // namespace

LineSocket::LineSocket(UniqueFd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {
  ::fcntl(fd_.get(), F_SETFL, O_NONBLOCK);
}

Result<LineSocket> LineSocket::connect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return std::unexpected(make_error(ErrorKind::invalid_argument, "is too long for a socket's name").in(path));
  }
  std::ranges::copy(path, address.sun_path);
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) {
    return fail_errno(errno, "cannot make a socket", path);
  }
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const int why = errno;
    return std::unexpected(
        std::move(fail_errno(why, "cannot connect to the QMP socket", path)).error().advise(advice_for(why)));
  }
  return LineSocket(std::move(fd), path);
}

pid_t LineSocket::peer() const noexcept {
  ucred credentials{};
  socklen_t length = sizeof credentials;
  return ::getsockopt(fd_.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0 ? credentials.pid : 0;
}

std::unexpected<Error> LineSocket::closed() const {
  return std::unexpected(
      make_error(ErrorKind::io, "QEMU closed the connection").in(name_).advise("look whether it still runs"));
}

Result<void> LineSocket::send(std::string line, Clock::time_point until) {
  line += '\n';
  for (std::size_t sent = 0; sent < line.size();) {
    const ssize_t count = ::send(fd_.get(), line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
    if (count >= 0) {
      sent += static_cast<std::size_t>(count);
    } else if (errno == EPIPE || errno == ECONNRESET) {
      return closed();
    } else if (errno != EAGAIN && errno != EINTR) {
      return fail_errno(errno, "cannot send", name_);
    } else if (wait(fd_.get(), POLLOUT, until, -1) == Wake::time_up) {
      return fail_errno(ETIMEDOUT, "QEMU takes no commands", name_);
    }
  }
  return {};
}

std::optional<std::string> LineSocket::take_line() {
  const std::size_t end = buffer_.find('\n', searched_);
  if (end == std::string::npos) {
    searched_ = buffer_.size();
    return std::nullopt;
  }
  std::string line = buffer_.substr(0, end);
  buffer_.erase(0, end + 1);
  searched_ = 0;
  if (line.ends_with('\r')) {
    line.pop_back();
  }
  return line;
}

Result<void> LineSocket::read_more() {
  std::array<char, 65536> bytes;
  const ssize_t count = ::recv(fd_.get(), bytes.data(), bytes.size(), 0);
  if (count == 0 || (count < 0 && errno == ECONNRESET)) {
    return closed();
  }
  if (count < 0) {
    return errno == EAGAIN || errno == EINTR ? Result<void>{} : fail_errno(errno, "cannot receive", name_);
  }
  buffer_.append(bytes.data(), static_cast<std::size_t>(count));
  if (buffer_.size() > max_line && buffer_.find('\n', searched_) == std::string::npos) {
    return std::unexpected(make_error(ErrorKind::limit, "sends a message without an end").in(name_));
  }
  return {};
}

Result<std::optional<std::string>> LineSocket::receive(Clock::time_point until, const std::stop_token& stop) {
  const StopSignal stopped(stop);
  while (true) {
    if (auto line = take_line()) {
      return line;
    }
    if (wait(fd_.get(), POLLIN, until, stopped.descriptor()) != Wake::socket) {
      return std::nullopt;
    }
    QC_TRY(read_more());
  }
}

}  // namespace qchain::live::qmp
