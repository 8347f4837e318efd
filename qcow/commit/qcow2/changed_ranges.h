#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "qcow/chain/dirty_bitmap.h"

namespace qchain::qcow2_base {

/// Guest ranges that were written to, rounded outward to a granularity. Memory: 4 KiB for each 32,768 units of which
/// any was. Not thread-safe.
class ChangedRanges final : public DirtySource {
 public:
  /// Before anything is added. `granularity`: bytes, a power of two.
  void start(std::uint64_t granularity) noexcept { granularity_ = granularity; }
  void forget() noexcept { pages_.clear(); }
  /// `guest` ends below 2^63.
  void add(Range guest);

  [[nodiscard]] Result<std::optional<Range>> next_dirty(Range guest) override;

 private:
  std::uint64_t granularity_ = 1;
  std::map<std::uint64_t, std::vector<std::byte>> pages_;  ///< bits, by number of the page
};

}  // namespace qchain::qcow2_base
