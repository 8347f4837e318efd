#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>

#include "qcow/core/bytes.h"
#include "qcow/core/error.h"

namespace qchain {

/// Memory for transfers in whole blocks (direct_block), as they are wanted past the page cache. What is large lies in
/// huge pages where the system has them: a transfer then is one piece of memory to the kernel, not one for each 4 KiB.
class BlockMemory {
 public:
  /// `size`: bytes, a multiple of direct_block. Errors: io (not enough memory).
  [[nodiscard]] static Result<BlockMemory> make(std::size_t size);
  [[nodiscard]] MutableBytes bytes() const noexcept { return {memory_.get(), size_}; }

 private:
  struct Free {
    void operator()(std::byte* memory) const noexcept { std::free(memory); }
  };
  using Owned = std::unique_ptr<std::byte, Free>;

  BlockMemory(Owned memory, std::size_t size) noexcept : memory_(std::move(memory)), size_(size) {}

  Owned memory_;
  std::size_t size_;
};

}  // namespace qchain
