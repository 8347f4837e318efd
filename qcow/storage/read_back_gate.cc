#include "qcow/storage/read_back_gate.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "qcow/storage/direct_storage.h"

namespace qchain {
namespace {

Result<void> write_back(const Storage& file) {
  if (::fdatasync(file.descriptor()) != 0) {
    return fail_errno(errno, "cannot write to stable storage", file.name());
  }
  return {};
}

/// Null where this file system knows no such reading, or not in blocks of this size.
SharedStorage past_cache(const SharedStorage& file) {
  const int flags = ::fcntl(file->descriptor(), F_GETFL);
  if (flags < 0 || ::fcntl(file->descriptor(), F_SETFL, flags | O_DIRECT) != 0) {
    return nullptr;
  }
  SharedStorage direct = make_direct(file);
  std::array<std::byte, 1> first{};
  if (direct->read(0, first)) {
    return direct;
  }
  ::fcntl(file->descriptor(), F_SETFL, flags);
  return nullptr;
}

/// Others, as Btrfs, take some reads out of the cache all the same.
bool always_passes_by(const Storage& file) {
  struct stat status{};
  struct statfs system{};
  return ::fstat(file.descriptor(), &status) == 0 && ::fstatfs(file.descriptor(), &system) == 0 &&
         (S_ISBLK(status.st_mode) || system.f_type == EXT4_SUPER_MAGIC || system.f_type == XFS_SUPER_MAGIC);
}

}  // namespace

bool ReadBackGate::is_chosen(const OpenRequest& request, const Storage& file) {
  if (!only_) {
    return true;
  }
  if (file.identity() == *only_) {
    chosen_ = request.path;
    return true;
  }
  return request.role == OpenRole::data_file && request.named_by == chosen_;
}

Result<SharedStorage> ReadBackGate::open(const OpenRequest& request) {
  SharedStorage file = QC_TRY(FileGate(Locking::shared_read).open(request));
  if (!is_chosen(request, *file)) {
    return file;
  }
  QC_TRY(write_back(*file));
  SharedStorage direct = past_cache(file);
  if (direct == nullptr || !always_passes_by(*file)) {
    ::posix_fadvise(file->descriptor(), 0, 0, POSIX_FADV_DONTNEED);
  }
  return direct != nullptr ? direct : file;
}

}  // namespace qchain
