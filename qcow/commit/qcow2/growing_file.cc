#include "qcow/commit/qcow2/growing_file.h"

#include <algorithm>

namespace qchain::qcow2_base {

Result<void> GrowingFile::write(std::uint64_t offset, Bytes bytes) {
  ++writes_;
  QC_TRY(storage_->write(offset, bytes));
  end_ = std::max(end_, offset + bytes.size());
  return {};
}

Result<void> GrowingFile::zero(Range range) {
  QC_TRY(discard(range));
  // What growing adds reads as zeros and takes no space.
  return extend(range.end());
}

Result<void> GrowingFile::discard(Range range) {
  const Range inside = intersect(range, {0, end_});
  if (inside.empty()) {
    return {};
  }
  ++writes_;
  return storage_->zero(inside);
}

Result<CloneAnswer> GrowingFile::clone(const Storage& source, std::uint64_t source_offset, Range target) {
  ++writes_;
  const CloneAnswer answer = QC_TRY(storage_->clone(source, source_offset, target));
  if (answer == CloneAnswer::cloned) {
    end_ = std::max(end_, target.end());
  }
  return answer;
}

Result<void> GrowingFile::extend(std::uint64_t length) {
  if (length <= end_) {
    return {};
  }
  ++writes_;
  QC_TRY(storage_->resize(length));
  end_ = length;
  return {};
}

Result<void> GrowingFile::sync() {
  if (synced_writes_ == writes_) {
    return {};
  }
  QC_TRY(storage_->sync());
  synced_writes_ = writes_;
  return {};
}

}  // namespace qchain::qcow2_base
