#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "qcow/chain/extent.h"

namespace qchain {

/// Neighbours in the guest, from any files, to be brought together in memory.
struct GatheredBatch {
  struct Part {
    Extent extent;
    std::uint64_t place = 0;  ///< in the buffer: what continues the part before in the guest does so there
  };
  std::vector<Part> parts;  ///< in guest order; one at least
};

/// Cuts extents into batches in guest order: what the page cache has costs nothing to be fetched from all over a file,
/// and whoever writes neighbours together asks the disk less often. Not thread-safe.
class GatheredBatches {
 public:
  /// Bytes of one batch in memory, at the most. What is a whole block of 4096 bytes in the guest is one in memory.
  static constexpr std::uint64_t batch_size = std::uint64_t{1} << 20;

  /// `extents`: data, of which the guest ranges don't overlap.
  explicit GatheredBatches(Extents extents);
  [[nodiscard]] std::optional<GatheredBatch> next();
  /// How many batches there are at the most.
  [[nodiscard]] std::size_t bound() const noexcept { return bound_; }

 private:
  Extents extents_;  ///< in guest order
  std::size_t bound_ = 0;
  std::size_t used_ = 0;  ///< extents_[used_] is the next one; its front may be gone
};

}  // namespace qchain
