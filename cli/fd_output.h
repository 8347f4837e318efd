#pragma once

#include <array>
#include <streambuf>

namespace qchain::cli {

/// Buffered output to a descriptor that it does not own, and which remembers why writing failed.
class FdOutput final : public std::streambuf {
 public:
  explicit FdOutput(int fd);
  ~FdOutput() override;

  /// errno of the first write that failed, or 0. Later output is dropped.
  [[nodiscard]] int failure() const noexcept { return failure_; }

 private:
  int_type overflow(int_type byte) override;
  int sync() override;

  int fd_;
  int failure_ = 0;
  std::array<char, 65536> buffer_{};
};

}  // namespace qchain::cli
