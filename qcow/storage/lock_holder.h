#pragma once

#include <sys/types.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "qcow/storage/image_lock.h"
#include "qcow/storage/storage.h"

namespace qchain {

/// A process that holds QEMU's locks on an image.
struct LockHolder {
  pid_t pid = 0;
  std::string command;   ///< the kernel's short name of it, at most 15 bytes; may hold any bytes
  Permissions used;      ///< what it does with the image
  Permissions unshared;  ///< what it lets nobody else do

  [[nodiscard]] bool writes() const noexcept { return used.has(Permission::write) || used.has(Permission::resize); }
};

/// Other processes that hold QEMU's locks on the file, by pid; this process is left out. Only those whose descriptors
/// this user may see (root: all), and only on this machine: an empty answer does not prove that there are none.
/// Reads /proc: the kernel does not say the pid of such a lock's holder in any other place. Thread-safe.
[[nodiscard]] std::vector<LockHolder> lock_holders(FileIdentity file);

/// The same for many files in one pass over the processes; the answers are in the order of `files`.
[[nodiscard]] std::vector<std::vector<LockHolder>> lock_holders(std::span<const FileIdentity> files);

/// One "lock:" line of /proc/PID/fdinfo/FD: adds what it says to `holder`. False where it says nothing of QEMU's bytes.
bool add_lock_line(std::string_view line, LockHolder& holder);

}  // namespace qchain
