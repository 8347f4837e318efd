#include "tests/support/model_disk.h"

#include <algorithm>

namespace qchain::test {

void ModelDisk::write(std::uint64_t offset, Bytes bytes) {
  std::ranges::copy(bytes, bytes_.begin() + static_cast<std::ptrdiff_t>(offset));
}

void ModelDisk::fill(Range range, unsigned value) {
  std::ranges::fill(std::span(bytes_).subspan(range.start, range.length), static_cast<std::byte>(value));
}

}  // namespace qchain::test
