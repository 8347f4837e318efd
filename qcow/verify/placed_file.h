#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "qcow/storage/storage.h"

namespace qchain {

/// Bytes of a file that lie together on its file system.
struct PlacedRun {
  Range stored;                            ///< in the file
  std::optional<std::uint64_t> shared_at;  ///< where on the file system; only of blocks that another file has, too
};

/// Says where a file's bytes lie on its file system (FS_IOC_FIEMAP). Not thread-safe.
class PlacedFile {
 public:
  /// `file` outlives the object.
  explicit PlacedFile(const Storage& file);

  /// The run that holds `offset`, which lies inside the file. Where the file system can't tell, there is one run
  /// without a place. What was written is written to the disk first, where it could lie elsewhere afterwards.
  [[nodiscard]] PlacedRun at(std::uint64_t offset);

 private:
  void look(std::uint64_t offset);
  void ask(std::uint64_t offset, std::uint32_t count);

  const Storage& file_;
  bool can_tell_;
  std::uint32_t flags_ = 0;
  Range asked_;                   ///< of which known_ tells all
  std::vector<PlacedRun> known_;  ///< ascending
};

}  // namespace qchain
