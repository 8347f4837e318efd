#include "tests/support/memory_file.h"

#include <algorithm>

namespace qchain::test {

FileIdentity MemoryFile::identity() const noexcept {
  return {.device = 0, .inode = reinterpret_cast<std::uintptr_t>(this)};
}

Result<std::size_t> MemoryFile::read(std::uint64_t offset, MutableBytes into) const {
  const Range there = intersect({offset, into.size()}, {0, size()});
  std::ranges::copy(Bytes(bytes_).subspan(there.empty() ? 0 : there.start, there.length), into.begin());
  return there.length;
}

Result<StoredRun> MemoryFile::run_at(std::uint64_t offset, std::uint64_t end) const {
  return offset < size() ? StoredRun{range_between(offset, std::min(end, size())), true}
                         : StoredRun{range_between(offset, end), false};
}

Result<void> MemoryFile::write(std::uint64_t offset, Bytes bytes) {
  if (offset + bytes.size() > bytes_.size()) {
    bytes_.resize(offset + bytes.size());
  }
  std::ranges::copy(bytes, bytes_.begin() + static_cast<std::ptrdiff_t>(offset));
  return {};
}

Result<void> MemoryFile::zero(Range range) {
  if (!fits(range.start, range.length, size())) {
    return fail(ErrorKind::invalid_argument, "zeros outside of the storage");
  }
  std::ranges::fill(MutableBytes(bytes_).subspan(range.start, range.length), std::byte{0});
  return {};
}

Result<CloneAnswer> MemoryFile::clone(const Storage& source, std::uint64_t source_offset, Range target) {
  if (!is_aligned(source_offset | target.start | target.length, clone_unit())) {
    return fail(ErrorKind::invalid_argument, "clone is not aligned");
  }
  ByteVector bytes(target.length);
  QC_TRY(source.read_padded(source_offset, bytes));
  QC_TRY(write(target.start, bytes));
  return CloneAnswer::cloned;
}

Result<void> MemoryFile::resize(std::uint64_t length) {
  bytes_.resize(length);
  return {};
}

}  // namespace qchain::test
