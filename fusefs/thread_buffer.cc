#include "fusefs/thread_buffer.h"

#include <cstdlib>
#include <memory>
#include <new>

namespace qchain::fusefs {
namespace {

constexpr std::align_val_t page{4096};

struct FreePages {
  void operator()(std::byte* bytes) const noexcept { ::operator delete[](bytes, page); }
};
using Pages = std::unique_ptr<std::byte[], FreePages>;

}  // namespace

MutableBytes thread_buffer() {
  thread_local const Pages pages(static_cast<std::byte*>(::operator new[](max_reply, page)));
  return {pages.get(), max_reply};
}

}  // namespace qchain::fusefs
