#pragma once

#include <optional>

#include "qcow/storage/gate.h"

namespace qchain {

/// As a FileGate that shares reading, but what is read comes from the disk and not from the page cache: to see what a
/// crash would leave. Cached pages are written back and dropped when a file is opened; where the file system can, the
/// cache is passed by for good (O_DIRECT). A file system in memory has nothing else to read from.
class ReadBackGate final : public Gate {
 public:
  /// All that is opened.
  ReadBackGate() = default;
  /// Only the file `only`; others as a FileGate does.
  explicit ReadBackGate(FileIdentity only) noexcept : only_(only) {}
  [[nodiscard]] Result<SharedStorage> open(const OpenRequest& request) override;

 private:
  std::optional<FileIdentity> only_;
};

}  // namespace qchain
