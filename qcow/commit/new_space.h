#pragma once

#include <cstdint>
#include <optional>

#include "qcow/chain/image.h"

/// Inside of the commit room: the space that a base takes on its file system.
namespace qchain {

/// How many units hold `bytes`.
[[nodiscard]] constexpr std::uint64_t units_for(std::uint64_t bytes, std::uint64_t unit) noexcept {
  return bytes / unit + (bytes % unit != 0 ? 1 : 0);
}

/// What the base's files take on their file system, in bytes. Nothing where that can't be told: a device takes none.
[[nodiscard]] std::optional<std::uint64_t> space_taken(const Image& base);

/// What writing to space that the base has already takes.
enum class Overwriting : std::uint8_t {
  nothing,
  new_blocks,  ///< its blocks are shared with the file that keeps it as it was
};

/// Counts, at the most, what the base has no space for yet: guest bytes in its own units of allocation, and for a qcow2
/// base the tables and refcounts that they need. All numbers in bytes; ranges are given in guest order.
class NewSpace {
 public:
  /// `overwritten_to`: guest offset up to which new blocks have been taken already.
  NewSpace(const Image& base, Overwriting overwriting, std::uint64_t overwritten_to = 0);

  /// A range that gets bytes.
  void add(Range range);
  /// A range that gets zeros: what it cuts, a cluster or a block, may have to be filled.
  void add_zeros(Range range);
  /// Clusters of the base that hold no guest bytes, such as those of bitmaps.
  void add_clusters(std::uint64_t count) noexcept { clusters_ += count; }

  /// `view_size`: what the base may grow to.
  [[nodiscard]] std::uint64_t bytes(std::uint64_t view_size) const;
  /// The part of that which holds no guest bytes; 0 for a raw base.
  [[nodiscard]] std::uint64_t metadata_bytes(std::uint64_t view_size) const;

 private:
  void count_holes(Range range);
  [[nodiscard]] std::uint64_t holes_of_file(Range stored) const;
  [[nodiscard]] const Extent& base_at(std::uint64_t offset);
  void touch_tables(Range range);

  const Image& base_;
  Overwriting overwriting_;
  std::uint64_t overwritten_to_;
  std::uint64_t unit_;
  std::uint64_t bytes_ = 0;
  std::uint64_t counted_to_ = 0;
  Extents found_;                ///< in the base, at the last place that was asked for
  std::uint64_t clusters_ = 0;   ///< beside those of guest bytes
  std::uint64_t tables_to_ = 0;  ///< guest offset up to which L2 tables are counted
};

}  // namespace qchain
