#include "qcow/copy/chunk.h"

#include <algorithm>
#include <utility>

namespace qchain {

Chunker::Chunker(const View& view, CloneSources sources, OnLoss on_loss)
    : view_(view), walk_(view, {0, view.size()}), sources_(std::move(sources)), on_loss_(on_loss) {}

const Extent* Chunker::front() {
  if (!front_) {
    front_ = walk_.next();
  }
  return front_ ? &*front_ : nullptr;
}

/// Cuts `length` bytes off the front; not more than it has.
Extent Chunker::take(std::uint64_t length) {
  const Extent all = front_.value_or(Extent{});
  const std::uint64_t cut = all.start + std::min(length, all.length);
  front_ = cut < all.end() ? std::optional(clip(all, range_between(cut, all.end()))) : std::nullopt;
  return clip(all, range_between(all.start, cut));
}

/// The part of an extent that begins and ends on blocks in both files; empty where it can't or should not be cloned.
Range Chunker::clonable(const Extent& extent) const {
  const std::uint64_t unit = sources_.unit;
  if (extent.kind != ExtentKind::data || sources_.layers.empty() || !sources_.layers[extent.layer] ||
      !is_aligned(extent.start ^ extent.offset, unit)) {
    return {extent.end(), 0};
  }
  // Nothing past the end of the source can be shared; it reads as zeros.
  const std::uint64_t source_size = view_.slice().chain.layer(extent.layer).image->data_storage().size();
  const std::uint64_t stored = std::min(extent.length, source_size - std::min(source_size, extent.offset));
  const std::uint64_t start = align_up(extent.start, unit);
  const Range range = range_between(start, align_down(extent.start + stored, unit));
  return range.length >= min_clone ? range : Range{extent.end(), 0};
}

Chunk Chunker::copy_chunk() {
  const std::uint64_t start = front()->start;
  const std::uint64_t end = align_down(start, copy_size) + copy_size;
  Chunk chunk{ChunkAction::copy, {start, 0}, {}};
  while (chunk.range.end() < end) {
    const Extent* extent = front();
    if (extent == nullptr || extent->reads_zero() || extent->kind == ExtentKind::broken) {
      break;
    }
    const std::uint64_t before_clone = std::min(clonable(*extent).start, end);
    if (before_clone == extent->start) {
      break;
    }
    chunk.pieces.push_back(take(before_clone - extent->start));
    chunk.range.length += chunk.pieces.back().length;
  }
  return chunk;
}

Result<std::optional<Chunk>> Chunker::next() {
  const Extent* extent = front();
  if (extent == nullptr) {
    return std::nullopt;
  }
  if (extent->kind == ExtentKind::broken) {
    if (on_loss_ == OnLoss::fail) {
      return std::unexpected(broken_extent(view_, *extent));
    }
    const Extent piece = take(extent->length);
    return Chunk{ChunkAction::lost, piece.range(), {piece}};
  }
  if (extent->reads_zero()) {
    return Chunk{ChunkAction::zero, take(extent->length).range(), {}};
  }
  if (const Range range = clonable(*extent); !range.empty() && range.start == extent->start) {
    const Extent piece = take(std::min(range.length, max_clone));
    return Chunk{ChunkAction::clone, piece.range(), {piece}};
  }
  return copy_chunk();
}

}  // namespace qchain
