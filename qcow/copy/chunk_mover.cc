#include "qcow/copy/chunk_mover.h"

#include <algorithm>
#include <system_error>

#include "qcow/copy/zero_ranges.h"

namespace qchain {
namespace {

/// Chunks that wait, for each thread: enough for the kernel to read ahead of the threads.
constexpr std::size_t pending_per_thread = 4;

/// What a bad place of a disk takes with it, aligned in the guest.
constexpr std::uint64_t salvage_block = 4096;

std::string reason_of(const Error& error) {
  if (error.kind == ErrorKind::corrupt) {
    return format::describe(format::Fault::bad_compressed_data);
  }
  return error.os_error == 0 ? error.what : std::generic_category().message(error.os_error);
}

}  // namespace

ChunkMover::ChunkMover(const View& view, ImageWriter& writer, unsigned threads, LossReport lost)
    : view_(view), writer_(writer), lost_(std::move(lost)), max_pending_(threads * pending_per_thread) {
  threads_.reserve(threads);
  for (unsigned i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { work(); });
  }
}

ChunkMover::~ChunkMover() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  queue_.clear();
  changed_.notify_all();
}

Result<void> ChunkMover::submit(Chunk chunk) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return queue_.size() < max_pending_ || error_; });
  if (error_) {
    return std::unexpected(*error_);
  }
  queue_.push_back({std::move(chunk), submitted_++});
  changed_.notify_all();
  return {};
}

Result<CopyTotals> ChunkMover::finish() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return finished_ == submitted_ || error_; });
  if (error_) {
    return std::unexpected(*error_);
  }
  return totals_;
}

void ChunkMover::work() {
  std::vector<std::byte> buffer(Chunker::copy_size);
  while (const auto job = next_job()) {
    done(move(*job, buffer));
  }
}

std::optional<ChunkMover::Job> ChunkMover::next_job() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !queue_.empty() || closed_ || error_; });
  if (queue_.empty() || error_) {
    return std::nullopt;
  }
  Job job = std::move(queue_.front());
  queue_.pop_front();
  changed_.notify_all();
  return job;
}

void ChunkMover::done(const Result<CopyTotals>& outcome) {
  const std::lock_guard lock(mutex_);
  if (outcome) {
    totals_.copied += outcome->copied;
    totals_.cloned += outcome->cloned;
    totals_.zero += outcome->zero;
    moved_ += outcome->copied + outcome->cloned + outcome->zero;
  } else if (!error_) {
    error_ = outcome.error();
  }
  ++finished_;
  changed_.notify_all();
}

Result<CopyTotals> ChunkMover::move(const Job& job, MutableBytes buffer) {
  return job.chunk.action == ChunkAction::clone ? move_clone(job, buffer) : move_copy(job, buffer);
}

Result<CopyTotals> ChunkMover::move_copy(const Job& job, MutableBytes buffer) {
  const Range range = job.chunk.range;
  const MutableBytes bytes = buffer.first(range.length);
  QC_TRY(read_pieces(job.chunk, bytes));
  const std::vector<Range> stored = nonzero_ranges(range, bytes);
  const std::vector<Placed> places = QC_TRY(place_in_turn(job, stored));
  for (const Placed& placed : places) {
    QC_TRY(writer_.file().write(placed.offset, bytes.subspan(placed.guest.start - range.start, placed.guest.length)));
  }
  CopyTotals totals{.copied = range.length, .cloned = 0, .zero = 0};
  for (const Range& gap : gaps(range, stored)) {
    QC_TRY(writer_.zero(gap));
    totals.copied -= gap.length;
    totals.zero += gap.length;
  }
  return totals;
}

Result<void> ChunkMover::read_pieces(const Chunk& chunk, MutableBytes buffer) {
  for (const Extent& piece : chunk.pieces) {
    const MutableBytes into = buffer.subspan(piece.start - chunk.range.start, piece.length);
    const Result<void> read = read_piece(piece, into);
    if (!read && !lost_) {
      return read;
    }
    if (!read) {
      salvage(piece, into);
    }
  }
  return {};
}

Result<void> ChunkMover::read_piece(const Extent& piece, MutableBytes into) const {
  if (piece.kind != ExtentKind::data) {
    return view_.read(piece.start, into);
  }
  const Layer& layer = view_.slice().chain.layer(piece.layer);
  QC_TRY_IN(layer.file, layer.image->data_storage().read_padded(piece.offset, into));
  return {};
}

/// Reads what can be read, a block of the disk at a time; a packed cluster is lost as a whole.
void ChunkMover::salvage(const Extent& piece, MutableBytes into) {
  for (std::uint64_t start = piece.start; start < piece.end();) {
    const std::uint64_t block_end = align_down(start, salvage_block) + salvage_block;
    const std::uint64_t end = piece.kind == ExtentKind::data ? std::min(block_end, piece.end()) : piece.end();
    const Extent part = clip(piece, range_between(start, end));
    const MutableBytes bytes = into.subspan(start - piece.start, part.length);
    if (const Result<void> read = read_piece(part, bytes); !read) {
      std::ranges::fill(bytes, std::byte{0});
      tell_lost(part, reason_of(read.error()));
    }
    start = end;
  }
}

void ChunkMover::tell_lost(const Extent& extent, const std::string& reason) {
  const std::lock_guard lock(lost_mutex_);
  lost_({.guest = extent.range(), .layer = extent.layer, .reason = reason});
}

Result<CopyTotals> ChunkMover::move_clone(const Job& job, MutableBytes buffer) {
  const Extent& piece = job.chunk.pieces.front();
  const Storage& source = view_.slice().chain.layer(piece.layer).image->data_storage();
  CopyTotals totals;
  const std::vector<Placed> places = QC_TRY(place_in_turn(job, {job.chunk.range}));
  for (const Placed& placed : places) {
    const Extent part = clip(piece, placed.guest);
    const CloneAnswer answer = QC_TRY(writer_.file().clone(source, part.offset, {placed.offset, placed.guest.length}));
    if (answer == CloneAnswer::cloned) {
      totals.cloned += part.length;
    } else {
      QC_TRY(copy_stored(part, placed, buffer));
      totals.copied += part.length;
    }
  }
  return totals;
}

/// The slow way for a range that has its place already.
Result<void> ChunkMover::copy_stored(const Extent& piece, const Placed& placed, MutableBytes buffer) const {
  const Storage& source = view_.slice().chain.layer(piece.layer).image->data_storage();
  for (std::uint64_t done = 0; done < piece.length;) {
    const MutableBytes bytes = buffer.first(std::min<std::uint64_t>(buffer.size(), piece.length - done));
    QC_TRY(source.read_padded(piece.offset + done, bytes));
    QC_TRY(writer_.file().write(placed.offset + done, bytes));
    done += bytes.size();
  }
  return {};
}

/// Waits until all chunks before this one have their places. The chunk with the lowest number is always in a thread's
/// hands, since they are taken in order: somebody's turn it is.
Result<std::vector<ChunkMover::Placed>> ChunkMover::place_in_turn(const Job& job, const std::vector<Range>& ranges) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return turn_ == job.number || error_; });
  if (error_) {
    return std::unexpected(*error_);
  }
  std::vector<Placed> placed;
  for (Range rest : ranges) {
    while (!rest.empty()) {
      const Placement place = QC_TRY(writer_.place(rest));
      placed.push_back({{rest.start, place.length}, place.offset});
      rest = range_between(rest.start + place.length, rest.end());
    }
  }
  ++turn_;
  changed_.notify_all();
  return placed;
}

}  // namespace qchain
