#pragma once

#include "qcow/core/range.h"
#include "tests/support/bytes_of.h"

namespace qchain::test {

/// What a guest disk must read as, kept as plain bytes: an oracle that shares nothing with any image format.
class ModelDisk {
 public:
  explicit ModelDisk(std::uint64_t size) : bytes_(size) {}

  void write(std::uint64_t offset, Bytes bytes);
  void fill(Range range, unsigned value);
  /// A snapshot's overlay of another size: longer is zero at its end, shorter hides the rest for good.
  void resize(std::uint64_t size) { bytes_.resize(size); }
  [[nodiscard]] const ByteVector& bytes() const noexcept { return bytes_; }

 private:
  ByteVector bytes_;
};

}  // namespace qchain::test
