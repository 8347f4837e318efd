#include "qcow/commit/moves.h"

#include <fmt/format.h>

namespace qchain {

namespace {

std::unexpected<Error> unreadable(const View& above, const Extent& extent) {
  const ErrorKind kind = extent.fault == format::Fault::unreadable ? ErrorKind::io : ErrorKind::corrupt;
  return std::unexpected(make_error(kind, fmt::format("guest bytes {} to {} can't be read: {}", extent.start,
                                                      extent.end() - 1, format::describe(extent.fault)))
                             .in(above.slice().chain.layer(extent.layer).file)
                             .advise("nothing was written; look with qemu-img check"));
}

}  // namespace

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
        return unreadable(above_, *extent);
      case ExtentKind::hole:
        break;  // the layers above leave it to the base
    }
  }
  return std::nullopt;
}

}  // namespace qchain
