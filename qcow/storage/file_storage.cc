#include "qcow/storage/file_storage.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "qcow/storage/direct_storage.h"
#include "qcow/storage/page_cache.h"

namespace qchain {
namespace {

Result<std::uint64_t> size_of(int fd, const struct stat& status, const std::string& name) {
  if (S_ISREG(status.st_mode)) {
    return static_cast<std::uint64_t>(status.st_size);
  }
  if (!S_ISBLK(status.st_mode)) {
    return std::unexpected(make_error(ErrorKind::refused, "neither a regular file nor a block device").in(name));
  }
  std::uint64_t bytes = 0;
  if (::ioctl(fd, BLKGETSIZE64, &bytes) != 0) {
    return fail_errno(errno, "cannot get the size of the block device", name);
  }
  return bytes;
}

StorageFacts facts_of(const struct stat& status) {
  return {.bytes_on_disk = static_cast<std::uint64_t>(status.st_blocks) * 512,  // st_blocks counts 512-byte units
          .modified_seconds = status.st_mtim.tv_sec,
          .modified_nanoseconds = static_cast<std::uint32_t>(status.st_mtim.tv_nsec)};
}

/// File systems that keep no map of holes say one of these.
bool cannot_tell_holes(int errno_value) {
  return errno_value == EINVAL || errno_value == EOPNOTSUPP;
}

}  // namespace

Result<std::shared_ptr<const FileStorage>> FileStorage::adopt(UniqueFd fd, std::string name) {
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) {
    return fail_errno(errno, "cannot stat", name);
  }
  const std::uint64_t size = QC_TRY(size_of(fd.get(), status, name));
  std::shared_ptr<FileStorage> storage(new FileStorage(std::move(fd), std::move(name)));
  storage->size_ = size;
  storage->identity_ = {.device = status.st_dev, .inode = status.st_ino};
  storage->facts_ = facts_of(status);
  storage->is_regular_ = S_ISREG(status.st_mode);
  return storage;
}

Result<std::size_t> read_at(int fd, const std::string& name, std::uint64_t offset, MutableBytes into) {
  std::size_t done = 0;
  while (done < into.size()) {
    const ssize_t count = ::pread(fd, into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return std::unexpected(std::move(fail_errno(errno, "cannot read", name)).error().at(offset + done));
    }
    if (count == 0) {
      break;  // the end of the file, or truncated since
    }
    done += static_cast<std::size_t>(count);
  }
  return done;
}

Result<std::size_t> FileStorage::read(std::uint64_t offset, MutableBytes into) const {
  // A file that grew since it was opened keeps its size here: the extents were made for that size.
  const std::uint64_t wanted = offset < size_ ? std::min<std::uint64_t>(into.size(), size_ - offset) : 0;
  const std::size_t count = QC_TRY(read_at(fd_.get(), name_, offset, into.first(wanted)));
  if (count < wanted) {
    return became_shorter(name_, offset + count);
  }
  return count;
}

bool FileStorage::read_without_waiting(std::uint64_t offset, MutableBytes into) const noexcept {
  const iovec place{into.data(), into.size()};
  return is_regular_ && fits(offset, into.size(), size_) &&
         ::preadv2(fd_.get(), &place, 1, static_cast<off_t>(offset), RWF_NOWAIT) == static_cast<ssize_t>(into.size());
}

std::unexpected<Error> became_shorter(const std::string& name, std::uint64_t offset) {
  return std::unexpected(make_error(ErrorKind::io, "became shorter since it was opened").in(name).at(offset));
}

// lseek moves the file position that all threads share; nothing here ever reads from that position.
Result<StoredRun> FileStorage::run_at(std::uint64_t offset, std::uint64_t end) const {
  if (offset >= size_) {
    return StoredRun{range_between(offset, end), false};
  }
  const StoredRun all_data{range_between(offset, std::min(end, size_)), true};
  if (!is_regular_) {
    return all_data;
  }
  const off_t data = ::lseek(fd_.get(), static_cast<off_t>(offset), SEEK_DATA);
  if (data < 0 && errno == ENXIO) {
    struct stat status{};
    if (::fstat(fd_.get(), &status) != 0 || std::cmp_less(status.st_size, size_)) {
      return became_shorter(name_, offset);
    }
    return StoredRun{range_between(offset, end), false};  // no data up to the end of the file
  }
  if (data < 0 && !cannot_tell_holes(errno)) {
    return std::unexpected(std::move(fail_errno(errno, "cannot look for holes", name_)).error().at(offset));
  }
  if (std::cmp_greater(data, offset)) {
    return StoredRun{range_between(offset, std::min(end, static_cast<std::uint64_t>(data))), false};
  }
  const off_t hole = data < 0 ? -1 : ::lseek(fd_.get(), static_cast<off_t>(offset), SEEK_HOLE);
  if (std::cmp_less_equal(hole, offset)) {
    return all_data;  // not told, or the file changes under us: data is always a right answer
  }
  return StoredRun{range_between(offset, std::min(all_data.range.end(), static_cast<std::uint64_t>(hole))), true};
}

SharedStorage FileStorage::past_cache() const {
  UniqueFd fd = reopen_direct(fd_.get(), O_RDONLY);
  if (!fd.valid()) {
    return nullptr;  // no such reading on this file system, or no more descriptors
  }
  const auto file = adopt(std::move(fd), name_);
  if (!file || (*file)->size() != size_ || (*file)->identity() != identity_) {
    return nullptr;
  }
  SharedStorage direct = make_direct(*file);
  std::array<std::byte, 1> first{};
  return direct->read(0, first) ? direct : nullptr;  // it may know O_DIRECT, but not in blocks of this size
}

bool FileStorage::is_in_memory(Range range) const noexcept {
  return is_regular_ && cached_bytes(fd_.get(), range).value_or(0) >= range.length;
}

bool FileStorage::is_on_disk_only(Range range) const noexcept {
  return is_regular_ && cached_bytes_by_cachestat(fd_.get(), range).value_or(UINT64_MAX) < range.length;
}

void FileStorage::will_need(Range range) const noexcept {
  const Range stored = intersect(range, {0, size_});
  if (!stored.empty()) {  // a length of 0 would mean "to the end"
    ::posix_fadvise(fd_.get(), static_cast<off_t>(stored.start), static_cast<off_t>(stored.length),
                    POSIX_FADV_WILLNEED);
  }
}

}  // namespace qchain
