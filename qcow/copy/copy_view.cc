#include "qcow/copy/copy_view.h"

#include <algorithm>

#include "qcow/copy/gathered_clones.h"
#include "qcow/copy/gathered_copy.h"

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

/// One copy: each chunk goes to who can do it best.
class ViewCopy {
 public:
  ViewCopy(const View& view, ImageWriter& writer, const CopyOptions& options, std::uint64_t total)
      : view_(view),
        writer_(writer),
        options_(options),
        total_(total),
        mover_(view, writer, std::max(1U, options.threads), options.lost),
        gathered_(view, writer, [this](std::uint64_t bytes) { report(bytes); },
                  {.past = options.past, .stop = options.stop}),
        clones_(view, writer,
                {.shared = [this](std::uint64_t bytes) { shared(bytes); },
                 .copy_instead = [this](const Extent& piece) { return copy_instead(piece); }},
                options.stop) {}

  Result<CopyTotals> run(Chunker& chunker) {
    while (auto chunk = QC_TRY(chunker.next())) {
      if (options_.stop.stop_requested()) {
        return fail(ErrorKind::interrupted, "the copy was stopped");
      }
      QC_TRY(hand_on(*std::move(chunk)));
      report(0);
    }
    QC_TRY(clones_.finish());
    const CopyTotals in_file_order = QC_TRY(gathered_.finish());
    const CopyTotals in_guest_order = QC_TRY(mover_.finish());
    return CopyTotals{.copied = in_file_order.copied + in_guest_order.copied,
                      .cloned = in_guest_order.cloned + shared_,
                      .zero = in_file_order.zero + in_guest_order.zero + zero_};
  }

 private:
  Result<void> hand_on(Chunk chunk) {
    if (chunk.action == ChunkAction::zero || chunk.action == ChunkAction::lost) {
      zero_ += chunk.range.length;  // the metadata say so: no thread has to look at it
      QC_TRY(writer_.zero(chunk.range));
      if (chunk.action == ChunkAction::lost) {
        mover_.tell_lost(chunk.pieces.front(), format::describe(chunk.pieces.front().fault));
      }
      return {};
    }
    if (chunk.action == ChunkAction::clone) {
      return writer_.takes_any_order() ? clones_.add(chunk.pieces.front()) : mover_.submit(std::move(chunk));
    }
    // Only the mover knows how to salvage.
    if (writer_.takes_any_order() && !options_.lost) {
      return gathered_.add(chunk);
    }
    read_ahead(view_, chunk);
    return mover_.submit(std::move(chunk));
  }

  Result<void> copy_instead(const Extent& piece) {
    for (std::uint64_t start = piece.start; start < piece.end(); start += Chunker::copy_size) {
      const Extent part = clip(piece, {start, std::min(Chunker::copy_size, piece.end() - start)});
      QC_TRY(hand_on({ChunkAction::copy, part.range(), {part}}));
    }
    return {};
  }

  void shared(std::uint64_t bytes) {
    shared_ += bytes;
    report(bytes);
  }

  void report(std::uint64_t gathered_more) {
    gathered_moved_ += gathered_more;
    if (options_.progress) {
      options_.progress(mover_.moved() + gathered_moved_, total_);
    }
  }

  const View& view_;
  ImageWriter& writer_;
  const CopyOptions& options_;
  std::uint64_t total_;
  ChunkMover mover_;
  GatheredCopy gathered_;
  GatheredClones clones_;
  std::uint64_t shared_ = 0;  ///< guest bytes
  std::uint64_t gathered_moved_ = 0;
  std::uint64_t zero_ = 0;
};

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
  const CopyTotals totals = QC_TRY(ViewCopy(view, writer, options, total).run(chunker));
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
