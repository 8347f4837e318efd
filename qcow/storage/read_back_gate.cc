#include "qcow/storage/read_back_gate.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "qcow/storage/direct_storage.h"

namespace qchain {
namespace {

/// Only pages that are on the disk can be dropped.
Result<void> drop_cache(const Storage& file) {
  if (::fdatasync(file.descriptor()) != 0) {
    return fail_errno(errno, "cannot write to stable storage", file.name());
  }
  ::posix_fadvise(file.descriptor(), 0, 0, POSIX_FADV_DONTNEED);
  return {};
}

}  // namespace

Result<SharedStorage> ReadBackGate::open(const OpenRequest& request) {
  SharedStorage file = QC_TRY(FileGate(Locking::shared_read).open(request));
  if (only_ && file->identity() != *only_) {
    return file;
  }
  QC_TRY(drop_cache(*file));
  const int flags = ::fcntl(file->descriptor(), F_GETFL);
  if (flags < 0 || ::fcntl(file->descriptor(), F_SETFL, flags | O_DIRECT) != 0) {
    return file;  // this file system knows no such reading
  }
  SharedStorage direct = make_direct(file);
  std::array<std::byte, 1> first{};
  if (!direct->read(0, first)) {
    ::fcntl(file->descriptor(), F_SETFL, flags);  // it does, but not in blocks of this size
    return file;
  }
  return direct;
}

}  // namespace qchain
