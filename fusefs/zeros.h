#pragma once

#include <cstddef>

#include "qcow/core/bytes.h"
#include "qcow/core/error.h"

namespace qchain::fusefs {

/// Zero bytes to answer from that take no memory: reading them never leaves the kernel's zero page.
class Zeros {
 public:
  [[nodiscard]] static Result<Zeros> of_size(std::size_t size);
  Zeros(Zeros&& other) noexcept;
  Zeros& operator=(Zeros&&) = delete;
  ~Zeros();

  [[nodiscard]] Bytes bytes() const noexcept { return bytes_; }

 private:
  explicit Zeros(Bytes bytes) noexcept : bytes_(bytes) {}
  Bytes bytes_;
};

}  // namespace qchain::fusefs
