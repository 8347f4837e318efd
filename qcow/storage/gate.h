#pragma once

#include <cstdint>
#include <utility>

#include "qcow/storage/allowed_folders.h"
#include "qcow/storage/open_request.h"
#include "qcow/storage/storage.h"

namespace qchain {

/// Every opening of an image goes through one Gate: policy (special files, locks, allowed folders) is here, the
/// engine above knows none of it. Not thread-safe; used while a chain is being opened only.
class Gate {
 public:
  Gate() = default;
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  virtual ~Gate() = default;

  /// Opens for reading. Errors: not_found, permission, locked, refused, io; each with path and advice.
  [[nodiscard]] virtual Result<SharedStorage> open(const OpenRequest& request) = 0;
};

/// Whether QEMU's byte-range locks are taken on what is opened.
enum class Locking : std::uint8_t {
  shared_read,  ///< read, and forbid others to write or resize: as a running QEMU does with a backing file
  none,         ///< `-U, --force-share`: what is read may change meanwhile
};

/// The gate to local files. Opens regular files and block devices, and follows symbolic links, as QEMU does. Refuses
/// folders, FIFOs, sockets, character devices and the kernel's own files (/proc, /sys) before they are opened, so it
/// never blocks on one and no driver is called. A block device is allowed even where only a header names it: a base on
/// a logical volume is usual with libvirt. Whoever reads untrusted images confines what headers name to `allowed`
/// folders.
class FileGate final : public Gate {
 public:
  explicit FileGate(Locking locking, AllowedFolders allowed = {}) noexcept
      : locking_(locking), allowed_(std::move(allowed)) {}
  [[nodiscard]] Result<SharedStorage> open(const OpenRequest& request) override;

 private:
  Locking locking_;
  AllowedFolders allowed_;
};

}  // namespace qchain
