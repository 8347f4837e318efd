#include "tests/live/support/line_socket.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

namespace qchain::test {
namespace {

constexpr auto patience = std::chrono::milliseconds(Seconds(60));

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    throw std::runtime_error("too long for the name of a socket: " + path);
  }
  path.copy(&address.sun_path[0], path.size());
  return address;
}

}  // namespace

void LineSocket::send(const std::string& line) {
  const std::string text = line + "\n";
  if (::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(text.size())) {
    throw std::runtime_error("the virtual machine went away before: " + line);
  }
}

std::optional<std::string> LineSocket::receive(std::chrono::milliseconds limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  std::array<char, 4096> bytes{};
  while (!received_.contains('\n')) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
    pollfd waiting{socket_.get(), POLLIN, 0};
    if (left < 0 || ::poll(&waiting, 1, static_cast<int>(left)) <= 0) {
      return std::nullopt;
    }
    const ssize_t count = ::read(socket_.get(), bytes.data(), bytes.size());
    if (count <= 0) {
      throw std::runtime_error("the virtual machine went away");
    }
    received_.append(bytes.data(), static_cast<std::size_t>(count));
  }
  const auto end = received_.find('\n');
  std::string line = received_.substr(0, end);
  received_.erase(0, end + 1);
  if (line.ends_with('\r')) {
    line.pop_back();
  }
  return line;
}

LineListener::LineListener(const std::string& path)
    : path_(path), socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const sockaddr_un address = address_of(path);
  ::unlink(path.c_str());
  if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(socket_.get(), 1) != 0 || ::chmod(path.c_str(), 0666) != 0) {
    throw std::runtime_error("cannot listen at " + path);
  }
}

LineSocket LineListener::accept(pid_t who) const {
  const UniqueFd process(who > 0 ? static_cast<int>(::syscall(SYS_pidfd_open, who, 0)) : -1);
  std::array<pollfd, 2> waiting{{{socket_.get(), POLLIN, 0}, {process.get(), POLLIN, 0}}};
  ::poll(waiting.data(), waiting.size(), static_cast<int>(patience.count()));
  if ((waiting[0].revents & POLLIN) == 0) {
    throw std::runtime_error("nobody connected to " + path_);
  }
  return LineSocket(UniqueFd(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC)));
}

}  // namespace qchain::test
