#pragma once

#include <optional>

#include "qcow/storage/gate.h"

namespace qchain {

/// As a FileGate that shares reading, but what is read comes from the disk and not from the page cache: to see what a
/// crash would leave. What is cached is written back when a file is opened, and where the file system can, the cache is
/// passed by (O_DIRECT); where that can't be, or is not known to be so always, it is dropped as well. A file system in
/// memory has nothing else to read from.
class ReadBackGate final : public Gate {
 public:
  /// All that is opened.
  ReadBackGate() = default;
  /// Only the file `only`, and the data file that its header names; others as a FileGate does.
  explicit ReadBackGate(FileIdentity only) noexcept : only_(only) {}
  [[nodiscard]] Result<SharedStorage> open(const OpenRequest& request) override;

 private:
  [[nodiscard]] bool is_chosen(const OpenRequest& request, const Storage& file);

  std::optional<FileIdentity> only_;
  std::optional<std::string> chosen_;  ///< path of `only_`, once it was opened
};

}  // namespace qchain
