#include "qcow/storage/storage.h"

#include <algorithm>

namespace qchain {

Result<void> Storage::read_padded(std::uint64_t offset, MutableBytes into) const {
  const std::size_t count = QC_TRY(read(offset, into));
  std::ranges::fill(into.subspan(count), std::byte{0});
  return {};
}

}  // namespace qchain
