#include "qcow/commit/prefetch.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

namespace qchain {

namespace {

/// Bytes of one file, to be read in one go.
struct Piece {
  const Storage* file = nullptr;
  Range stored;
};

Piece stored_piece(const View& view, const Extent& extent) {
  const Image& image = *view.slice().chain.layer(extent.layer).image;
  if (extent.kind == ExtentKind::compressed) {
    return {&image.storage(), {extent.offset, extent.packed_size}};
  }
  return {&image.data_storage(), {extent.offset, extent.length}};
}

bool is_stored(const Extent& extent) {
  return extent.kind == ExtentKind::data || extent.kind == ExtentKind::compressed;
}

/// Gathers the pieces of a view, a window at a time.
class WindowWalk {
 public:
  WindowWalk(const View& view, Range range) : view_(view), walk_(view, range), end_(range.start) {}

  /// The next window's pieces: Prefetch::window stored bytes, or less at the end.
  std::vector<Piece> next() {
    std::vector<Piece> pieces;
    for (std::uint64_t left = Prefetch::window; left > 0;) {
      const auto extent = take(left);
      if (!extent) {
        break;
      }
      pieces.push_back(stored_piece(view_, *extent));
      left -= std::min(left, pieces.back().stored.length);
      end_ = extent->end();
    }
    return pieces;
  }

  /// The guest offset behind the last window.
  [[nodiscard]] std::uint64_t end() const noexcept { return end_; }

 private:
  /// The next stored extent, or as much of it as is wanted.
  std::optional<Extent> take(std::uint64_t length) {
    while (!rest_ || !is_stored(*rest_)) {
      rest_ = walk_.next();
      if (!rest_) {
        return std::nullopt;
      }
    }
    const Extent all = *std::exchange(rest_, std::nullopt);
    if (all.kind == ExtentKind::compressed || all.length <= length) {
      return all;
    }
    rest_ = clip(all, range_between(all.start + length, all.end()));
    return clip(all, {all.start, length});
  }

  const View& view_;
  ExtentWalk walk_;
  std::optional<Extent> rest_;  ///< what is left of an extent that is larger than a window
  std::uint64_t end_;
};

void ask_in_file_order(std::vector<Piece> pieces, const std::stop_token& stop) {
  std::ranges::sort(pieces, {}, [](const Piece& piece) { return std::tuple(piece.file, piece.stored.start); });
  for (auto piece = pieces.begin(); piece != pieces.end() && !stop.stop_requested();) {
    Range run = piece->stored;
    const Storage* file = piece->file;
    for (++piece; piece != pieces.end() && piece->file == file && piece->stored.start <= run.end(); ++piece) {
      run = range_between(run.start, std::max(run.end(), piece->stored.end()));
    }
    file->will_need(run);
  }
}

}  // namespace

Prefetch::Prefetch(const View& view, std::uint64_t start) : view_(view), reached_(start) {
  thread_ = std::jthread([this, start](const std::stop_token& stop) { work(start, stop); });
}

Prefetch::~Prefetch() {
  thread_.request_stop();
  changed_.notify_all();
}

void Prefetch::reached(std::uint64_t position) {
  {
    const std::scoped_lock lock(mutex_);
    reached_ = position;
  }
  changed_.notify_all();
}

void Prefetch::work(std::uint64_t start, const std::stop_token& stop) {
  WindowWalk walk(view_, range_between(start, view_.size()));
  // The next window is asked for when the walk comes to the one asked for last: that one is being read meanwhile.
  for (std::uint64_t last = start; wait_for(last, stop);) {
    last = walk.end();
    auto pieces = walk.next();
    if (pieces.empty()) {
      return;
    }
    ask_in_file_order(std::move(pieces), stop);
  }
}

bool Prefetch::wait_for(std::uint64_t position, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  return changed_.wait(lock, stop, [&] { return reached_ >= position; });
}

}  // namespace qchain
