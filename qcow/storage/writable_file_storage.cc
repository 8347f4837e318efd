#include "qcow/storage/writable_file_storage.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "qcow/storage/joined_pieces.h"

namespace qchain {

Result<SharedWritable> WritableFileStorage::adopt(UniqueFd fd, std::string name) {
  // A duplicate shares the open file description, and so the locks on it.
  UniqueFd same(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
  if (!same.valid()) {
    return fail_errno(errno, "cannot duplicate its descriptor", name);
  }
  auto opened = QC_TRY(FileStorage::adopt(std::move(same), name));
  return SharedWritable(new WritableFileStorage(WritableFile(std::move(fd), std::move(name)), std::move(opened)));
}

Result<std::size_t> WritableFileStorage::read(std::uint64_t offset, MutableBytes into) const {
  return read_at(file_.descriptor(), file_.name(), offset, into);
}

Result<StoredRun> WritableFileStorage::run_at(std::uint64_t offset, std::uint64_t end) const {
  if (offset >= opened_->size()) {
    // Written since, or past the end: data is always a right answer where there may be some.
    return StoredRun{range_between(offset, end), offset < size()};
  }
  return opened_->run_at(offset, end);
}

Result<void> WritableFileStorage::write(std::uint64_t offset, Bytes bytes) {
  QC_TRY(file_.write(offset, bytes));
  grown_to(offset + bytes.size());
  return {};
}

Result<void> WritableFileStorage::write_all(std::span<const WritePiece> pieces) {
  DirectWriter* direct = direct_writer();
  std::vector<WritePiece> past;
  std::vector<WritePiece> through_cache;
  for (const WritePiece& piece : pieces) {
    // New space is found by the cache: all at once, when it is written back, so that what is neighbours comes together.
    const bool passes =
        direct != nullptr && DirectWriter::suits(piece) && has_space({piece.offset, piece.bytes.size()});
    (passes ? past : through_cache).push_back(piece);
  }
  if (!past.empty() && !direct->write(joined(past))) {
    through_cache.assign(pieces.begin(), pieces.end());
  }
  return WritableStorage::write_all(joined(through_cache));
}

DirectWriter* WritableFileStorage::direct_writer() {
  const std::scoped_lock lock(mutex_);
  if (!direct_) {
    direct_ = DirectWriter::open(file_.descriptor());
  }
  return direct_->get();
}

bool WritableFileStorage::has_space(Range range) {
  const std::scoped_lock lock(mutex_);
  if (intersect(with_space_, range) != range) {
    const auto run = opened_->run_at(range.start, opened_->size());
    with_space_ = run && run->is_data ? run->range : Range{};
  }
  return intersect(with_space_, range) == range;
}

Result<void> WritableFileStorage::zero(Range range) {
  QC_TRY(file_.zero(range));
  const std::scoped_lock lock(mutex_);
  if (!intersect(with_space_, range).empty()) {
    with_space_ = {};
  }
  return {};
}

Result<CloneAnswer> WritableFileStorage::clone(const Storage& source, std::uint64_t source_offset, Range target) {
  const CloneAnswer answer = QC_TRY(file_.clone(source, source_offset, target));
  if (answer == CloneAnswer::cloned) {
    grown_to(target.end());
  }
  return answer;
}

void WritableFileStorage::forget_cached(Range range) const noexcept {
  if (range.empty()) {
    return;  // to the kernel, no length is the length of the file
  }
  ::posix_fadvise(file_.descriptor(), static_cast<off_t>(range.start), static_cast<off_t>(range.length),
                  POSIX_FADV_DONTNEED);
}

Result<void> WritableFileStorage::resize(std::uint64_t length) {
  QC_TRY(file_.resize(length));
  size_ = length;
  return {};
}

void WritableFileStorage::grown_to(std::uint64_t end) noexcept {
  std::uint64_t known = size_.load();
  while (known < end && !size_.compare_exchange_weak(known, end)) {
  }
}

}  // namespace qchain
