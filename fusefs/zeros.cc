#include "fusefs/zeros.h"

#include <sys/mman.h>

#include <cerrno>
#include <utility>

namespace qchain::fusefs {

Result<Zeros> Zeros::of_size(std::size_t size) {
  void* memory = mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    return fail_errno(errno, "can't map memory", "");
  }
  return Zeros(Bytes(static_cast<const std::byte*>(memory), size));
}

Zeros::Zeros(Zeros&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

Zeros::~Zeros() {
  if (!bytes_.empty()) {
    munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
  }
}

}  // namespace qchain::fusefs
