#include "qcow/storage/writing_gate.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "qcow/storage/file_storage.h"
#include "qcow/storage/image_lock.h"
#include "qcow/storage/judged_open.h"
#include "qcow/storage/writable_file_storage.h"

namespace qchain {
namespace {

/// A command that writes takes no -U.
Result<void> lock(int fd, Permissions used, Permissions unshared, const OpenRequest& request) {
  const auto lock = ImageLock::acquire(fd, used, unshared);
  if (lock) {
    return {};
  }
  Error error = lock.error();
  if (error.kind == ErrorKind::locked) {
    error.advice =
        "shut the guest down or end that process first, or commit on the running guest (commit --qmp, or --domain)";
  }
  return std::unexpected(with_origin(std::move(error).in(request.path), request));
}

Result<void> settle(int fd, const std::string& path) {
  if (::fdatasync(fd) != 0) {
    return fail_errno(errno, "cannot write to stable storage", path);
  }
  // Only a hint: where the kernel keeps pages all the same, they are what any reader sees.
  static_cast<void>(::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
  return {};
}

}  // namespace

Result<SharedStorage> FileWritingGate::open(const OpenRequest& request) {
  struct stat status{};
  const bool there = ::stat(request.path.c_str(), &status) == 0;
  const FileIdentity identity{.device = status.st_dev, .inode = status.st_ino};
  if (there && std::ranges::find(announced_, identity) != announced_.end()) {
    return open_for_writing(request);
  }
  return open_for_reading(request);
}

Result<SharedStorage> FileWritingGate::open_for_reading(const OpenRequest& request) {
  UniqueFd fd = QC_TRY(open_judged(request, AccessMode::read, allowed_));
  const Permissions used{Permission::consistent_read};
  QC_TRY(lock(fd.get(), used, {Permission::write, Permission::resize}, request));
  return FileStorage::adopt(std::move(fd), request.path);
}

Result<SharedStorage> FileWritingGate::open_for_writing(const OpenRequest& request) {
  UniqueFd fd = QC_TRY(open_judged(request, AccessMode::read_write, allowed_));
  const Permissions used{Permission::consistent_read, Permission::write, Permission::resize};
  // QEMU's readers of an overlay let others write to a raw backing file: only who forbids reading keeps them out.
  const Permissions unshared{Permission::consistent_read, Permission::write, Permission::resize};
  QC_TRY(lock(fd.get(), used, unshared, request));
  if (expects_leftovers_) {
    QC_TRY(settle(fd.get(), request.path));
  }
  SharedWritable storage = QC_TRY(WritableFileStorage::adopt(std::move(fd), request.path));
  opened_.push_back(storage);
  return storage;
}

void FileWritingGate::forget() {
  announced_.clear();
  opened_.clear();
}

SharedWritable FileWritingGate::writable(FileIdentity file) const {
  const auto found = std::ranges::find(opened_, file, [](const SharedWritable& s) { return s->identity(); });
  return found == opened_.end() ? nullptr : *found;
}

}  // namespace qchain
