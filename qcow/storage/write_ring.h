#pragma once

#include <liburing.h>

#include <memory>
#include <span>

#include "qcow/storage/writable_file.h"

namespace qchain {

/// Has the kernel do many writes at once: one system call and one wait for all of them, instead of one for each.
/// Not thread-safe.
class WriteRing {
 public:
  /// Null where the system lets nobody have one (old kernels, containers, limits): write one by one then.
  [[nodiscard]] static std::unique_ptr<WriteRing> make();
  ~WriteRing();
  WriteRing(const WriteRing&) = delete;
  WriteRing& operator=(const WriteRing&) = delete;

  /// Writes all pieces, each of less than 1 GiB, into `descriptor`, and waits for them. False: some may not be written,
  /// or in part; none is under way any more, but the ring is not to be used again.
  [[nodiscard]] bool write(int descriptor, std::span<const WritePiece> pieces) noexcept;

 private:
  WriteRing() = default;
  [[nodiscard]] bool write_some(int descriptor, std::span<const WritePiece> pieces) noexcept;

  io_uring ring_{};
};

}  // namespace qchain
