#pragma once

#include <cstdint>
#include <string>

#include "qcow/storage/storage.h"

namespace qchain {

/// Why a file is opened: what the user named is trusted more than what an image header names.
enum class OpenRole : std::uint8_t { named_by_user, backing_file, data_file };

/// One opening that the engine wants.
struct OpenRequest {
  std::string path;  ///< absolute, or relative to the process's folder; any bytes but NUL
  OpenRole role = OpenRole::named_by_user;
  std::string named_by;  ///< image whose header names it; empty for named_by_user
};

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
/// folders, FIFOs, sockets and character devices before they are opened, so it never blocks on one and no driver is
/// called. A block device is allowed even where only a header names it: a base on a logical volume is usual with
/// libvirt. Whoever reads untrusted images confines what headers name to given folders instead.
class FileGate final : public Gate {
 public:
  explicit FileGate(Locking locking) noexcept : locking_(locking) {}
  [[nodiscard]] Result<SharedStorage> open(const OpenRequest& request) override;

 private:
  Locking locking_;
};

}  // namespace qchain
