#include "tests/live/guest/serial_line.h"

#include <fcntl.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <array>

namespace qchain::guest {

SerialLine::SerialLine(const char* device) : descriptor_(::open(device, O_RDWR | O_NOCTTY | O_CLOEXEC)) {
  termios settings{};
  if (::tcgetattr(descriptor_, &settings) == 0) {
    ::cfmakeraw(&settings);
    ::tcsetattr(descriptor_, TCSANOW, &settings);
  }
}

void SerialLine::say(const std::string& line) const {
  const std::string text = line + "\n";
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t count = ::write(descriptor_, text.data() + at, text.size() - at);
    if (count <= 0) {
      return;  // nobody to tell it to
    }
    at += static_cast<std::size_t>(count);
  }
}

std::optional<std::string> SerialLine::hear(int milliseconds) {
  pollfd waiting{descriptor_, POLLIN, 0};
  std::array<char, 256> bytes{};
  if (heard_.find('\n') == std::string::npos && ::poll(&waiting, 1, milliseconds) > 0) {
    const ssize_t count = ::read(descriptor_, bytes.data(), bytes.size());
    heard_.append(bytes.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
  }
  const auto end = heard_.find('\n');
  if (end == std::string::npos) {
    return std::nullopt;
  }
  std::string line = heard_.substr(0, end);
  heard_.erase(0, end + 1);
  return line;
}

}  // namespace qchain::guest
