#include "qcow/commit/moves.h"

namespace qchain {

Result<std::optional<Move>> MoveWalk::next() {
  while (const auto extent = walk_.next()) {
    switch (extent->kind) {
      case ExtentKind::data:
      case ExtentKind::compressed:
        return Move{MoveKind::copy, *extent};
      case ExtentKind::zero:
      case ExtentKind::past_end:
        return Move{MoveKind::zero, *extent};
      case ExtentKind::broken:
        return std::unexpected(broken_extent(above_, *extent));
      case ExtentKind::hole:
        break;  // the layers above leave it to the base
    }
  }
  return std::nullopt;
}

}  // namespace qchain
