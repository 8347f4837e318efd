#include "qcow/chain/resolve.h"

#include <algorithm>
#include <span>

namespace qchain {

namespace {

/// Goes down the layers with the gaps that are still open. At any time `found_` and the gaps cover the range without
/// overlap up to `end_`, which shrinks when there would be more than `limit_` extents.
class Resolution {
 public:
  Resolution(Range range, std::size_t limit) : end_(range.end()), limit_(limit), gaps_{range} {}

  [[nodiscard]] bool finished() const noexcept { return gaps_.empty(); }

  void ask(const Image& image, std::uint32_t layer) {
    still_open_.clear();
    for (std::span<const Range> rest(gaps_); !rest.empty();) {
      const std::size_t count = gaps_together(rest, image.map_unit());
      ask_gaps(image, layer, rest.first(count));
      rest = rest.subspan(count);
    }
    // A short layer hides what lies deeper: past its end the guest reads zeros.
    for (const Range gap : gaps_) {
      const Range past = range_between(std::max(gap.start, image.size()), gap.end());
      if (!past.empty()) {
        found_.push_back({.start = past.start, .length = past.length, .layer = layer, .kind = ExtentKind::past_end});
      }
    }
    gaps_.swap(still_open_);
    keep_within_limit();
    cut_at_end();
  }

  /// What no layer has is a hole, said by the bottom one.
  [[nodiscard]] Extents finish(std::uint32_t bottom) && {
    for (const Range gap : gaps_) {
      found_.push_back({.start = gap.start, .length = gap.length, .layer = bottom});
    }
    std::ranges::sort(found_, {}, &Extent::start);
    Extents joined;
    for (const Extent& extent : found_) {
      append(joined, extent);
    }
    return joined;
  }

 private:
  /// How many of the first gaps begin in one unit of the image's metadata: they cost no more than one.
  static std::size_t gaps_together(std::span<const Range> gaps, std::uint64_t unit) {
    const std::uint64_t block = gaps.front().start / unit;
    const auto other = std::ranges::find_if(gaps, [&](Range gap) { return gap.start / unit != block; });
    return static_cast<std::size_t>(other - gaps.begin());
  }

  /// Asks for neighbouring gaps at once; what lies between them is answered already, and dropped.
  void ask_gaps(const Image& image, std::uint32_t layer, std::span<const Range> gaps) {
    const std::uint64_t stop = std::min(gaps.back().end(), image.size());
    std::uint64_t position = gaps.front().start;
    while (position < std::min(stop, end_)) {
      answer_.clear();
      const std::size_t room = still_open_.size() < limit_ ? limit_ - still_open_.size() : 1;
      image.map(range_between(position, std::min(stop, end_)), room, answer_);
      for (const Extent& extent : answer_) {
        gaps = take_parts(extent, layer, gaps);
      }
      position = answer_.back().end();
      if (still_open_.size() > limit_) {
        end_ = std::min(end_, still_open_[limit_].start);
        still_open_.resize(limit_);
      }
      if (found_.size() / 2 >= limit_) {
        keep_within_limit();
      }
    }
  }

  /// Takes what of an extent lies in the gaps; the gaps that are not behind it yet.
  std::span<const Range> take_parts(const Extent& extent, std::uint32_t layer, std::span<const Range> gaps) {
    while (!gaps.empty() && gaps.front().start < extent.end()) {
      if (const Range part = intersect(gaps.front(), extent.range()); !part.empty()) {
        take(clip(extent, part), layer);
      }
      if (gaps.front().end() > extent.end()) {
        break;
      }
      gaps = gaps.subspan(1);
    }
    return gaps;
  }

  void take(const Extent& extent, std::uint32_t layer) {
    if (extent.kind != ExtentKind::hole || extent.has_offset()) {
      found_.push_back(extent);
      found_.back().layer = layer;
    } else if (!still_open_.empty() && still_open_.back().end() == extent.start) {
      still_open_.back().length += extent.length;
    } else {
      still_open_.push_back(extent.range());
    }
  }

  /// Gives up the far end of the range, where more than `limit_` extents were found before it.
  void keep_within_limit() {
    if (found_.size() <= limit_) {
      return;
    }
    const auto nth = found_.begin() + static_cast<std::ptrdiff_t>(limit_);
    std::ranges::nth_element(found_, nth, {}, &Extent::start);
    end_ = std::min(end_, nth->start);
    found_.erase(nth, found_.end());
  }

  void cut_at_end() {
    std::erase_if(found_, [this](const Extent& extent) { return extent.start >= end_; });
    for (Extent& extent : found_) {
      extent = clip(extent, {0, end_});
    }
    std::erase_if(gaps_, [this](Range gap) { return gap.start >= end_; });
    for (Range& gap : gaps_) {
      gap = intersect(gap, {0, end_});
    }
  }

  std::uint64_t end_;
  std::size_t limit_;
  std::vector<Range> gaps_;        ///< ascending: what no layer above has
  std::vector<Range> still_open_;  ///< ascending: what the layer being asked does not have either
  Extents found_;
  Extents answer_;  ///< one layer's answer
};

}  // namespace

Extents resolve(const Slice& slice, Range range, std::size_t limit) {
  Resolution resolution(range, std::max<std::size_t>(limit, 1));
  for (std::size_t position = slice.top + 1; position > slice.base && !resolution.finished(); --position) {
    resolution.ask(*slice.chain.layer(position - 1).image, static_cast<std::uint32_t>(position - 1));
  }
  return std::move(resolution).finish(static_cast<std::uint32_t>(slice.base));
}

}  // namespace qchain
