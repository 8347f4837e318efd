#pragma once

#include <optional>

#include "qcow/chain/view.h"
#include "qcow/verify/shared_blocks.h"

namespace qchain {

/// What has to be done to know that two views read the same in a range.
enum class Pairing : std::uint8_t {
  same,         ///< nothing: zeros on both sides, or the very same stored bytes, in one file or in shared blocks
  left_zero,    ///< the right side is read and must be zeros
  right_zero,   ///< the left side is read and must be zeros
  both_stored,  ///< both sides are read
};

struct PairedRange {
  Range range;
  Pairing pairing = Pairing::same;
};

/// Walks two views side by side, up to the longer one's end or `length`; past the shorter one's end it reads zeros.
class PairedWalk {
 public:
  /// Both outlive the walk.
  PairedWalk(const View& left, const View& right, std::uint64_t length = UINT64_MAX);
  [[nodiscard]] std::uint64_t end() const noexcept { return end_; }
  /// The next range, in ascending order, or nothing at the end. A broken extent counts as stored: reading it gives the
  /// error.
  [[nodiscard]] std::optional<PairedRange> next();

 private:
  /// One side: the extent at the position, refilled as the walk goes on.
  struct Side {
    explicit Side(const View& viewed) : view(viewed), walk(viewed, {0, viewed.size()}) {}
    [[nodiscard]] const std::optional<Extent>& at(std::uint64_t position);
    const View& view;
    ExtentWalk walk;
    std::optional<Extent> extent;
  };

  [[nodiscard]] PairedRange pair_stored(Range range, const Extent& left, const Extent& right);

  Side left_;
  Side right_;
  SharedBlocks shared_;
  std::uint64_t position_ = 0;
  std::uint64_t end_;  ///< guest bytes
};

}  // namespace qchain
