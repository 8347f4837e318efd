#include "qcow/storage/block_memory.h"

#include <sys/mman.h>

#include <utility>

#include "qcow/core/range.h"
#include "qcow/storage/direct_storage.h"

namespace qchain {

namespace {

constexpr std::size_t huge_page = std::size_t{2} << 20;

}  // namespace

Result<BlockMemory> BlockMemory::make(std::size_t size) {
  const std::size_t alignment = size < huge_page ? direct_block : huge_page;
  Owned memory(static_cast<std::byte*>(std::aligned_alloc(alignment, align_up(size, alignment))));
  if (memory == nullptr) {
    return fail(ErrorKind::io, "not enough memory");
  }
  if (alignment == huge_page) {
    ::madvise(memory.get(), size, MADV_HUGEPAGE);  // a wish: small pages do as well
  }
  return BlockMemory(std::move(memory), size);
}

}  // namespace qchain
