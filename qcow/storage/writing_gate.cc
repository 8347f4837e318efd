#include "qcow/storage/writing_gate.h"

#include <sys/stat.h>

#include <algorithm>

#include "qcow/storage/image_lock.h"
#include "qcow/storage/judged_open.h"
#include "qcow/storage/writable_file_storage.h"

namespace qchain {

Result<SharedStorage> FileWritingGate::open(const OpenRequest& request) {
  struct stat status{};
  const bool there = ::stat(request.path.c_str(), &status) == 0;
  const FileIdentity identity{.device = status.st_dev, .inode = status.st_ino};
  if (there && std::ranges::find(announced_, identity) != announced_.end()) {
    return open_for_writing(request);
  }
  return FileGate(Locking::shared_read, allowed_).open(request);
}

Result<SharedStorage> FileWritingGate::open_for_writing(const OpenRequest& request) {
  UniqueFd fd = QC_TRY(open_judged(request, AccessMode::read_write, allowed_));
  const Permissions used{Permission::consistent_read, Permission::write, Permission::resize};
  const auto lock = ImageLock::acquire(fd.get(), used, {Permission::write, Permission::resize});
  if (!lock) {
    return std::unexpected(with_origin(Error(lock.error()).in(request.path), request));
  }
  SharedWritable storage = QC_TRY(WritableFileStorage::adopt(std::move(fd), request.path));
  opened_.push_back(storage);
  return storage;
}

SharedWritable FileWritingGate::writable(FileIdentity file) const {
  const auto found = std::ranges::find(opened_, file, [](const SharedWritable& s) { return s->identity(); });
  return found == opened_.end() ? nullptr : *found;
}

}  // namespace qchain
