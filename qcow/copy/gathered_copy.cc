#include "qcow/copy/gathered_copy.h"

#include <utility>

#include "qcow/copy/zero_ranges.h"

namespace qchain {

namespace {

constexpr std::size_t pieces_at_once = std::size_t{1} << 18;

}  // namespace

Result<void> GatheredCopy::add(const Chunk& chunk) {
  pieces_.insert(pieces_.end(), chunk.pieces.begin(), chunk.pieces.end());
  return pieces_.size() >= pieces_at_once ? copy_all() : Result<void>{};
}

Result<CopyTotals> GatheredCopy::finish() {
  QC_TRY(copy_all());
  return CopyTotals{.copied = copied_, .cloned = 0, .zero = zero_};
}

Result<void> GatheredCopy::copy_all() {
  const FileOrderSink sink{.take = [this](std::span<const GuestPiece> pieces) { return take(pieces); },
                           .taken = [this](std::uint64_t bytes) -> Result<void> {
                             moved_(bytes);
                             return {};
                           }};
  return read_in_file_order(view_, std::exchange(pieces_, {}), sink, how_);
}

/// By several threads at once, but they write one after the other: a file takes one writer at a time, and the kernel
/// has those that wait for their turn use up a processor.
Result<void> GatheredCopy::take(std::span<const GuestPiece> pieces) {
  std::vector<std::vector<Range>> stored;
  for (const auto& [guest, bytes] : pieces) {
    stored.push_back(nonzero_ranges(guest, bytes));
  }
  const std::scoped_lock turn(writing_);
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    QC_TRY(write(pieces[i], stored[i]));
  }
  return {};
}

Result<void> GatheredCopy::write(const GuestPiece& piece, const std::vector<Range>& stored) {
  const auto& [guest, bytes] = piece;
  std::uint64_t written = 0;
  for (const Range& range : stored) {
    const Placement place = QC_TRY(writer_.place(range));
    QC_TRY(writer_.file().write(place.offset, bytes.subspan(range.start - guest.start, range.length)));
    written += range.length;
  }
  for (const Range& gap : gaps(guest, stored)) {
    QC_TRY(writer_.zero(gap));
  }
  zero_ += guest.length - written;
  copied_ += written;
  return {};
}

}  // namespace qchain
