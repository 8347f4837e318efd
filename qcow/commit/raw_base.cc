#include "qcow/commit/raw_base.h"

#include "qcow/format/limits.h"

namespace qchain {

std::uint64_t RawBase::size() const noexcept {
  return align_up(storage_->size(), format::sector);
}

Result<void> RawBase::grow(std::uint64_t size) {
  if (storage_->size() >= size) {
    return {};
  }
  return storage_->resize(size);
}

Result<void> RawBase::write(std::uint64_t guest_offset, Bytes bytes) {
  return storage_->write(guest_offset, bytes);
}

Result<CloneAnswer> RawBase::clone(const Storage& source, std::uint64_t source_offset, Range guest) {
  const std::uint64_t unit = storage_->clone_unit();
  const bool aligned =
      is_aligned(source_offset, unit) && is_aligned(guest.start, unit) && is_aligned(guest.length, unit);
  const bool inside = fits(source_offset, guest.length, source.size());
  if (!may_share_ || !aligned || !inside || source.descriptor() < 0 ||
      source.identity().device != storage_->identity().device) {
    return CloneAnswer::impossible;
  }
  const CloneAnswer answer = QC_TRY(storage_->clone(source, source_offset, guest));
  may_share_ = answer == CloneAnswer::cloned;
  return answer;
}

Result<void> RawBase::zero(Range guest) {
  // Past its end the file reads as zeros already.
  const Range stored = intersect(guest, {0, storage_->size()});
  return stored.empty() ? Result<void>{} : storage_->zero(stored);
}

}  // namespace qchain
