#include <utility>

#include "qcow/storage/file_storage.h"
#include "qcow/storage/gate.h"
#include "qcow/storage/image_lock.h"
#include "qcow/storage/judged_open.h"

namespace qchain {

Result<SharedStorage> FileGate::open(const OpenRequest& request) {
  UniqueFd fd = QC_TRY(open_judged(request, AccessMode::read, allowed_));
  if (locking_ == Locking::shared_read) {
    const auto lock =
        ImageLock::acquire(fd.get(), {Permission::consistent_read}, {Permission::write, Permission::resize});
    if (!lock) {
      return std::unexpected(with_origin(Error(lock.error()).in(request.path), request));
    }
  }
  return FileStorage::adopt(std::move(fd), request.path);
}

}  // namespace qchain
