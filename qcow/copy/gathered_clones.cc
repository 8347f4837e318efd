#include "qcow/copy/gathered_clones.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace qchain {

namespace {

constexpr std::size_t pieces_at_once = std::size_t{1} << 18;

}  // namespace

Result<void> GatheredClones::add(const Extent& piece) {
  pieces_.push_back(piece);
  return pieces_.size() >= pieces_at_once ? finish() : Result<void>{};
}

Result<void> GatheredClones::finish() {
  Extents pieces = std::exchange(pieces_, {});
  std::ranges::sort(pieces, {}, [](const Extent& piece) { return std::tuple(piece.layer, piece.offset); });
  for (const Extent& piece : pieces) {
    if (stop_.stop_requested()) {
      return fail(ErrorKind::interrupted, "the copy was stopped");
    }
    QC_TRY(share(piece));
  }
  return {};
}

Result<void> GatheredClones::share(const Extent& piece) {
  const Storage& source = view_.slice().chain.layer(piece.layer).image->data_storage();
  const Placement place = QC_TRY(writer_.place(piece.range()));
  const CloneAnswer answer = QC_TRY(writer_.file().clone(source, piece.offset, {place.offset, piece.length}));
  if (answer == CloneAnswer::impossible) {
    return sink_.copy_instead(piece);
  }
  sink_.shared(piece.length);
  return {};
}

}  // namespace qchain
