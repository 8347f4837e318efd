#include <array>

#include "fusefs/cold_reads.h"
#include "fusefs/filesystem.h"

namespace qchain::fusefs {
namespace {

/// Where in `range` the trouble is: the first extent that is broken by its metadata, else the first that is inflated,
/// else the start.
UnreadablePlace locate(const View& view, Range range) {
  std::optional<Extent> suspect;
  for (std::uint64_t offset = range.start; offset < range.end();) {
    const Extent extent = view.extent_at(offset);
    if (extent.kind == ExtentKind::broken) {
      suspect = extent;
      break;
    }
    if (extent.kind == ExtentKind::compressed && !suspect) {
      suspect = extent;
    }
    offset = extent.end();
  }
  const Extent place = suspect.value_or(view.extent_at(range.start));
  return {view.slice().chain.layer(place.layer).file, place.range()};
}

/// Smaller reads are cheaper by a copy than by two more system calls.
constexpr std::size_t least_to_splice = std::size_t{64} << 10;

bool is_small_piece(Range in_view, const Extent& first) {
  return in_view.length <= ColdReads::largest && first.kind == ExtentKind::data && first.end() >= in_view.end();
}

/// The stored pieces that a range consists of.
class StoredPieces {
 public:
  /// False where something of the range has to be made (zeros, inflated clusters), or is in too many pieces.
  [[nodiscard]] bool collect(const View& view, Range range) {
    for (std::uint64_t offset = range.start; offset < range.end();) {
      const Extent extent = clip(view.extent_at(offset), range);
      const Storage& storage = view.slice().chain.layer(extent.layer).image->data_storage();
      if (extent.kind != ExtentKind::data || count_ == pieces_.size() || storage.descriptor() < 0 ||
          !fits(extent.offset, extent.length, storage.size())) {
        return false;
      }
      pieces_[count_++] = {storage.descriptor(), extent.offset, extent.length};
      offset = extent.end();
    }
    return true;
  }
  [[nodiscard]] std::span<const FilePiece> pieces() const noexcept { return std::span(pieces_).first(count_); }

 private:
  std::array<FilePiece, 32> pieces_{};
  std::size_t count_ = 0;
};

bool splice(const View& view, Range range, ReplyPipe& pipe) {
  StoredPieces stored;
  return range.length >= least_to_splice && stored.collect(view, range) && pipe.fill(stored.pieces());
}

}  // namespace

bool FileSystem::is_zeros(Range in_view, const Extent& first) const {
  return first.reads_zero() && first.end() >= in_view.end() && in_view.length <= zeros_.bytes().size();
}

Reply<Content> FileSystem::read(OpenFile& file, Range range, ReadSpace space, IfCold if_cold) {
  const Range inside = intersect(range, {0, file.node.content.window.length});
  if (inside.empty()) {
    return Content{};
  }
  const Range in_view{file.node.content.window.start + inside.start, inside.length};
  const ReadAhead::Fetch fetch = file.ahead.next(in_view, file.node.content.window.end());
  const std::optional<Extent> first = file.view->known_extent_at(in_view.start);
  if (first && is_small_piece(in_view, *first)) {
    fetch_ahead(file, fetch.ahead);
    return read_small(file, in_view, *first, space, if_cold);
  }
  if (first && is_zeros(in_view, *first)) {
    fetch_ahead(file, fetch.ahead);
    return Content{zeros_.bytes().first(in_view.length)};
  }
  const Waiting waiting = crew_.begin_waiting();
  return read_any(file, in_view, fetch, space);
}

void FileSystem::fetch_ahead(const OpenFile& file, Range ahead) {
  if (!ahead.empty()) {
    const Waiting waiting = crew_.begin_waiting();
    file.view->will_need(ahead);
  }
}

Reply<Content> FileSystem::read_small(const OpenFile& file, Range in_view, const Extent& place, ReadSpace space,
                                      IfCold if_cold) {
  Waiting small(small_);
  const bool are_many = small_ > few;
  const Storage& storage = file.view->slice().chain.layer(place.layer).image->data_storage();
  const Range stored{place.offset, in_view.length};
  const bool is_cold = are_many && cold_.is_cold(storage, stored);
  if (is_cold && if_cold == IfCold::put_off) {
    if (const auto piece = cold_.find(storage, stored)) {
      return Content{.bytes = {}, .put_off = PutOff{*piece, in_view, std::move(small), crew_.begin_waiting()}};
    }
  }
  // To call up another thread costs more than to read what is in memory.
  if (!is_cold && !crew_.can_spare_one() &&
      storage.read_without_waiting(stored.start, space.buffer.first(stored.length))) {
    return Content{space.buffer.first(stored.length)};
  }
  const Waiting waiting = crew_.begin_waiting();
  return read_waiting(file, in_view, space);
}

// Fetching the pieces together is what makes a fragmented view quick when it is cold; a single piece gains nothing.
Reply<Content> FileSystem::read_any(const OpenFile& file, Range in_view, const ReadAhead::Fetch& fetch,
                                    ReadSpace space) {
  const Extent first = file.view->extent_at(in_view.start);
  if (first.end() < in_view.end()) {
    file.view->will_need(fetch.request);
  }
  file.view->will_need(fetch.ahead);
  if (is_zeros(in_view, first)) {
    return Content{zeros_.bytes().first(in_view.length)};
  }
  if (splice(*file.view, in_view, space.pipe)) {
    return Content{.bytes = {}, .in_pipe = in_view.length};
  }
  return read_waiting(file, in_view, space);
}

Reply<Content> FileSystem::read_waiting(const OpenFile& file, Range in_view, ReadSpace space) {
  const MutableBytes into = space.buffer.first(in_view.length);
  if (const auto done = file.view->read(in_view.start, into); !done) {
    reporter_.unreadable(locate(*file.view, in_view), done.error());
    return refuse(errno_of(done.error()));
  }
  return Content{into};
}

}  // namespace qchain::fusefs
