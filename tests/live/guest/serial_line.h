#pragma once

#include <optional>
#include <string>

namespace qchain::guest {

/// The serial line to whoever tests: lines of text, both ways. Nothing the guest says is a command, nothing is echoed.
class SerialLine {
 public:
  explicit SerialLine(const char* device);
  void say(const std::string& line) const;
  /// The next whole line, waiting `milliseconds` for it at most; nothing where there is none.
  [[nodiscard]] std::optional<std::string> hear(int milliseconds);

 private:
  int descriptor_ = -1;
  std::string heard_;
};

}  // namespace qchain::guest
