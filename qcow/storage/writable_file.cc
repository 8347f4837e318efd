#include "qcow/storage/writable_file.h"

#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>

namespace qchain {
namespace {

/// One pwrite. The page cache takes blocks of memory as large as the write; those of 1 MiB and more are often ones that
/// a virtual machine's host must first find: measured, a copy then costs 60 % more CPU time and a third more time.
constexpr std::size_t write_size = std::size_t{256} << 10;
constexpr std::uint64_t device_block = 4096;  ///< no block device in use has larger logical blocks

std::unexpected<Error> failed_at(std::string_view what, const std::string& name, std::uint64_t offset) {
  return std::unexpected(std::move(fail_errno(errno, what, name)).error().at(offset));
}

/// Not a failure of the disk: the kernel says that these two files can't share blocks.
bool cannot_clone(int errno_value) {
  switch (errno_value) {
    case EOPNOTSUPP:
    case ENOTTY:
    case ENOSYS:
    case EXDEV:
    case EINVAL:
    case EBADF:
    case EPERM:
    case ETXTBSY:
      return true;
    default:
      return false;
  }
}

}  // namespace

Result<void> WritableFile::write(std::uint64_t offset, Bytes bytes) const {
  while (!bytes.empty()) {
    const ssize_t count =
        ::pwrite(fd_.get(), bytes.data(), std::min(bytes.size(), write_size), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count <= 0) {
      errno = count == 0 ? ENOSPC : errno;  // the end of a device
      return failed_at("cannot write", name_, offset);
    }
    bytes = bytes.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return {};
}

Result<void> WritableFile::write_zeros(Range range) const {
  static constexpr std::array<std::byte, 65536> zeros{};
  for (std::uint64_t offset = range.start; offset < range.end();) {
    const std::uint64_t count = std::min<std::uint64_t>(zeros.size(), range.end() - offset);
    QC_TRY(write(offset, Bytes(zeros).first(count)));
    offset += count;
  }
  return {};
}

Result<void> WritableFile::zero(Range range) const {
  // A device zeroes whole blocks only; the rest of the range is written.
  const std::uint64_t start = std::min(align_up(range.start, device_block), range.end());
  const Range blocks = range_between(start, std::max(start, align_down(range.end(), device_block)));
  if (!blocks.empty()) {
    const auto offset = static_cast<off_t>(blocks.start);
    const auto length = static_cast<off_t>(blocks.length);
    if (::fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length) != 0 &&
        ::fallocate(fd_.get(), FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, offset, length) != 0) {
      if (errno != EOPNOTSUPP && errno != EINVAL) {
        return failed_at("cannot zero", name_, blocks.start);
      }
      QC_TRY(write_zeros(blocks));
    }
  }
  QC_TRY(write_zeros(range_between(range.start, blocks.start)));
  return write_zeros(range_between(blocks.end(), range.end()));
}

Result<CloneAnswer> WritableFile::clone(const Storage& source, std::uint64_t source_offset, Range target) const {
  struct file_clone_range request{};
  request.src_fd = source.descriptor();
  request.src_offset = source_offset;
  request.src_length = target.length;
  request.dest_offset = target.start;
  if (::ioctl(fd_.get(), FICLONERANGE, &request) == 0) {
    return CloneAnswer::cloned;
  }
  if (cannot_clone(errno)) {
    return CloneAnswer::impossible;
  }
  return failed_at("cannot share blocks", name_, target.start);
}

Result<CloneAnswer> WritableFile::clone_all(const Storage& source) const {
  if (::ioctl(fd_.get(), FICLONE, source.descriptor()) == 0) {
    return CloneAnswer::cloned;
  }
  if (cannot_clone(errno)) {
    return CloneAnswer::impossible;
  }
  return fail_errno(errno, "cannot share all blocks", name_);
}

Result<CloneAnswer> WritableFile::try_clone(const Storage& source) const {
  struct stat status{};
  const std::uint64_t unit = clone_unit();
  if (source.descriptor() < 0 || source.size() < unit || ::fstat(fd_.get(), &status) != 0 ||
      source.identity().device != status.st_dev) {
    return CloneAnswer::impossible;
  }
  const CloneAnswer answer = QC_TRY(clone(source, 0, {0, unit}));
  if (answer == CloneAnswer::cloned) {
    QC_TRY(zero({0, unit}));
  }
  return answer;
}

std::optional<std::uint64_t> WritableFile::pieces_in(Range range) const noexcept {
  struct fiemap request{};  // without room for extents: they are only counted
  request.fm_start = range.start;
  request.fm_length = range.length;
  if (::ioctl(fd_.get(), FS_IOC_FIEMAP, &request) != 0) {
    return std::nullopt;
  }
  return request.fm_mapped_extents;
}

std::uint64_t WritableFile::clone_unit() const noexcept {
  struct statfs status{};
  const bool known = ::fstatfs(fd_.get(), &status) == 0 && status.f_bsize > 0;
  return std::bit_ceil(known ? static_cast<std::uint64_t>(status.f_bsize) : device_block);
}

Result<void> WritableFile::resize(std::uint64_t length) const {
  if (::ftruncate(fd_.get(), static_cast<off_t>(length)) != 0) {
    return fail_errno(errno, "cannot set the size", name_);
  }
  return {};
}

Result<void> WritableFile::sync() const {
  if (::fdatasync(fd_.get()) != 0) {
    return fail_errno(errno, "cannot write to stable storage", name_);
  }
  return {};
}

}  // namespace qchain
