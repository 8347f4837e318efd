#include "qcow/copy/copy_view.h"

#include <algorithm>

namespace qchain {
namespace {

OnLoss on_loss(const CopyOptions& options) {
  return options.lost ? OnLoss::salvage : OnLoss::fail;
}

/// Bytes that some layer stores: what a copy moves. Fails at the first range that can't be read, if losses are
/// failures.
Result<std::uint64_t> stored_bytes(const View& view, const CopyOptions& options) {
  const std::stop_token& stop = options.stop;
  std::uint64_t total = 0;
  ExtentWalk walk(view, {0, view.size()});
  while (const auto extent = walk.next()) {
    if (extent->kind == ExtentKind::broken) {
      if (options.lost) {
        continue;
      }
      return std::unexpected(broken_extent(view, *extent));
    }
    if (stop.stop_requested()) {
      return fail(ErrorKind::interrupted, "the copy was stopped");
    }
    total += extent->reads_zero() ? 0 : extent->length;
  }
  return total;
}

void read_ahead(const View& view, const Chunk& chunk) {
  for (const Extent& piece : chunk.pieces) {
    const Image& image = *view.slice().chain.layer(piece.layer).image;
    if (piece.kind == ExtentKind::data) {
      image.data_storage().will_need({piece.offset, piece.length});
    } else {
      image.storage().will_need({piece.offset, piece.packed_size});
    }
  }
}

/// Moves all chunks; returns the bytes that the metadata say are zeros, which no thread had to look at.
Result<std::uint64_t> submit_all(const View& view, Chunker& chunker, ImageWriter& writer, ChunkMover& mover,
                                 const CopyOptions& options, std::uint64_t total) {
  std::uint64_t zero = 0;
  while (auto chunk = QC_TRY(chunker.next())) {
    if (options.stop.stop_requested()) {
      return fail(ErrorKind::interrupted, "the copy was stopped");
    }
    if (chunk->action == ChunkAction::zero || chunk->action == ChunkAction::lost) {
      zero += chunk->range.length;
      QC_TRY(writer.zero(chunk->range));
      if (chunk->action == ChunkAction::lost) {
        mover.tell_lost(chunk->pieces.front(), format::describe(chunk->pieces.front().fault));
      }
      continue;
    }
    if (chunk->action == ChunkAction::copy) {
      read_ahead(view, *chunk);
    }
    QC_TRY(mover.submit(*std::move(chunk)));
    if (options.progress) {
      options.progress(mover.moved(), total);
    }
  }
  return zero;
}

/// Asks the file system itself, layer by layer: no flag says which pairs of files may share blocks.
Result<CloneSources> clone_sources(const View& view, const ImageWriter& writer) {
  const Slice& slice = view.slice();
  CloneSources sources{{}, writer.file().clone_unit()};
  if (!writer.takes_clones() || view.size() < Chunker::min_clone || sources.unit > Chunker::min_clone) {
    return sources;
  }
  sources.layers.resize(slice.chain.depth());
  for (std::size_t layer = slice.base; layer <= slice.top; ++layer) {
    const Storage& source = slice.chain.layer(layer).image->data_storage();
    sources.layers[layer] = QC_TRY(writer.file().try_clone(source)) == CloneAnswer::cloned;
  }
  return sources;
}

}  // namespace

Result<CopyTotals> copy_view(const View& view, ImageWriter& writer, const CopyOptions& options) {
  const std::uint64_t total = QC_TRY(stored_bytes(view, options));
  Chunker chunker(view, QC_TRY(clone_sources(view, writer)), on_loss(options));
  ChunkMover mover(view, writer, std::max(1U, options.threads), options.lost);
  const std::uint64_t zero = QC_TRY(submit_all(view, chunker, writer, mover, options, total));
  CopyTotals totals = QC_TRY(mover.finish());
  totals.zero += zero;
  QC_TRY(writer.finish());
  if (options.stop.stop_requested()) {
    return fail(ErrorKind::interrupted, "the copy was stopped");
  }
  if (options.progress) {
    options.progress(total, total);
  }
  return totals;
}

}  // namespace qchain
