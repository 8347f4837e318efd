#pragma once

#include <cstdlib>
#include <memory>

#include "qcow/core/bytes.h"
#include "qcow/storage/direct_storage.h"

namespace qchain::test {

/// Memory as reading and writing past the cache like it.
class AlignedMemory {
 public:
  /// `size`: bytes, a multiple of direct_block.
  explicit AlignedMemory(std::size_t size)
      : memory_(static_cast<std::byte*>(std::aligned_alloc(direct_block, size))), bytes_(memory_.get(), size) {}
  [[nodiscard]] MutableBytes bytes() const noexcept { return bytes_; }

 private:
  struct Free {
    void operator()(std::byte* memory) const noexcept { std::free(memory); }
  };
  std::unique_ptr<std::byte, Free> memory_;
  MutableBytes bytes_;
};

}  // namespace qchain::test
