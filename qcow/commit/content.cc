#include "qcow/commit/content.h"

#include <algorithm>
#include <vector>

#include "qcow/commit/moves.h"

namespace qchain {

namespace {

constexpr std::uint64_t chunk_size = std::uint64_t{1} << 20;

/// Calls `use(range, bytes)` for the view's bytes, a chunk at a time.
template <typename Use>
Result<void> read_in_chunks(const View& view, Range range, const std::stop_token& stop, Use&& use) {
  std::vector<std::byte> buffer(std::min(chunk_size, range.length));
  while (!range.empty()) {
    if (stop.stop_requested()) {
      return fail(ErrorKind::interrupted, "interrupted");
    }
    const Range chunk{range.start, std::min(chunk_size, range.length)};
    const auto bytes = MutableBytes(buffer).first(chunk.length);
    QC_TRY(view.read(chunk.start, bytes));
    use(chunk, Bytes(bytes));
    range = range_between(chunk.end(), range.end());
  }
  return {};
}

}  // namespace

Result<std::optional<MergedContent>> read_content(const View& above, const std::stop_token& stop) {
  MergedDigest digest;
  MoveWalk walk(above);
  while (const auto move = QC_TRY(walk.next())) {
    if (move->kind == MoveKind::zero) {
      digest.note_zero(move->extent.range());
    } else {
      digest.note_data(move->extent.range());
      QC_TRY(read_in_chunks(above, move->extent.range(), stop,
                            [&](Range range, Bytes bytes) { digest.add(range.start, bytes); }));
    }
  }
  return digest.finish();
}

Result<bool> still_reads_as(const View& base, const MergedContent& content, const std::stop_token& stop) {
  MergedDigest digest;
  bool zeros = true;
  for (const MergedRun& run : content.runs) {
    if (!fits(run.range.start, run.range.length, base.size())) {
      return false;
    }
    run.zero ? digest.note_zero(run.range) : digest.note_data(run.range);
    QC_TRY(read_in_chunks(base, run.range, stop, [&](Range range, Bytes bytes) {
      if (run.zero) {
        zeros = zeros && is_zero(bytes);
      } else {
        digest.add(range.start, bytes);
      }
    }));
  }
  return zeros && digest.finish() == content;
}

}  // namespace qchain
