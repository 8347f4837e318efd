#pragma once

#include <string>

namespace qchain::test {

/// A read-only or writable loop device over a file, detached at the end; nothing where this machine gives none.
class LoopDevice {
 public:
  enum class Mode { read_only, writable };
  LoopDevice(const std::string& file, Mode mode);
  ~LoopDevice();
  LoopDevice(const LoopDevice&) = delete;
  LoopDevice& operator=(const LoopDevice&) = delete;

  [[nodiscard]] bool ok() const noexcept { return !path_.empty(); }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  /// Why there is none.
  [[nodiscard]] const std::string& reason() const noexcept { return reason_; }

 private:
  std::string path_;
  std::string reason_;
};

}  // namespace qchain::test
