#pragma once

#include <cstdint>
#include <optional>

#include "qcow/chain/view.h"

namespace qchain {

/// What becomes of a guest range in a commit.
enum class MoveKind : std::uint8_t {
  copy,  ///< bytes of a layer go into the base (shared instead, where the file system can)
  zero,  ///< a layer says zeros, or a short layer hides what lies deeper: the base must read zeros there
};

/// One step of a commit: a guest range that the layers above the base provide.
struct Move {
  MoveKind kind = MoveKind::copy;
  Extent extent;  ///< in the view of the layers above the base; positions of layers are those of the chain
};

/// The moves of a commit in guest order: exactly what the slice above the base provides, nothing else. Errors (once,
/// then the walk is over): corrupt, for a range that no layer can give.
class MoveWalk {
 public:
  /// `above`: the view of the layers above the base up to the top; outlives the walk. `start`: guest offset.
  explicit MoveWalk(const View& above, std::uint64_t start = 0)
      : above_(above), walk_(above, range_between(start, above.size())) {}
  [[nodiscard]] Result<std::optional<Move>> next();

 private:
  const View& above_;
  ExtentWalk walk_;
};

}  // namespace qchain
