#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "qcow/core/bytes.h"
#include "qcow/core/error.h"
#include "qcow/core/range.h"

namespace qchain {

/// Which file this is, whatever name it was opened by (hard and symbolic links compare equal).
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

/// What the file system says of a range that starts at a given offset.
struct StoredRun {
  Range range;
  bool is_data = true;  ///< false: a hole, reads as zeros
};

/// Times and space of a storage at the moment of opening.
struct StorageFacts {
  std::uint64_t bytes_on_disk = 0;    ///< allocated by the file system
  std::int64_t modified_seconds = 0;  ///< mtime since the epoch
  std::uint32_t modified_nanoseconds = 0;
};

/// Where bytes live; read-only. Knows nothing of formats.
/// Thread-safe: any number of threads may read one Storage at once. Lives as long as its last shared_ptr.
class Storage {
 public:
  Storage() = default;
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;
  virtual ~Storage() = default;

  /// The name it was opened by, for messages.
  [[nodiscard]] virtual const std::string& name() const noexcept = 0;
  /// Length in bytes at the moment of opening.
  [[nodiscard]] virtual std::uint64_t size() const noexcept = 0;
  [[nodiscard]] virtual FileIdentity identity() const noexcept = 0;
  [[nodiscard]] virtual StorageFacts facts() const noexcept = 0;

  /// Fills `into` from `offset` on; the count is less than asked only where the storage ends. Retries EINTR and
  /// short reads. Errors: io.
  [[nodiscard]] virtual Result<std::size_t> read(std::uint64_t offset, MutableBytes into) const = 0;

  /// Fills all of `into` from `offset` on where that is in memory, by what the kernel says of files. False where it is
  /// not, or can't be told, or past the end; then the content of `into` is not defined, and reading may have begun.
  [[nodiscard]] virtual bool read_without_waiting(std::uint64_t /*offset*/, MutableBytes /*into*/) const noexcept {
    return false;
  }

  /// The run that holds `offset`, cut at `end` (offset < end). Where the storage can't tell, it is data up to its
  /// end, and a hole past it. Errors: io.
  [[nodiscard]] virtual Result<StoredRun> run_at(std::uint64_t offset, std::uint64_t end) const = 0;

  /// A hint that `range` is read soon. Never fails, never blocks for long.
  virtual void will_need(Range range) const noexcept = 0;

  /// All of `range` is in the page cache of a file: read() gives it without the disk. False where that can't be told,
  /// and of block devices, whose sectors others may have written since by another way.
  [[nodiscard]] virtual bool is_in_memory(Range /*range*/) const noexcept { return false; }

  /// Not all of `range` is in the page cache of a file, and the kernel says so at once (cachestat, since Linux 6.5):
  /// read() has to wait for the disk. False where that can't be told, and of block devices.
  [[nodiscard]] virtual bool is_on_disk_only(Range /*range*/) const noexcept { return false; }

  /// Descriptor for the kernel's own copies (FICLONERANGE, copy_file_range, splice), or -1. Owned by this object.
  [[nodiscard]] virtual int descriptor() const noexcept = 0;

  /// The same bytes, read past the page cache, which then stays as it is; reading in whole blocks of 4096 bytes into
  /// memory aligned to that is fast. Null where that can't be had. Opens the file once more.
  [[nodiscard]] virtual std::shared_ptr<const Storage> past_cache() const { return nullptr; }

  /// read(), then zeros for what lies past the end: QEMU's block layer pads every node so.
  [[nodiscard]] Result<void> read_padded(std::uint64_t offset, MutableBytes into) const;
};

using SharedStorage = std::shared_ptr<const Storage>;

}  // namespace qchain
