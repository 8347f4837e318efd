#include "fusefs/horizon.h"

#include <algorithm>
#include <iterator>

namespace qchain::fusefs {

Extent Horizon::extent_at(const View& view, std::uint64_t offset, std::uint64_t end) {
  const auto extents = around(view, offset, end);
  const auto after = std::ranges::upper_bound(*extents, offset, {}, &Extent::start);
  const Extent& extent = *std::prev(after);
  return clip(extent, range_between(offset, std::min(extent.end(), end)));
}

// Resolving may wait for the disk: not under the mutex. Two who do it at once waste some work, no more.
Horizon::SharedExtents Horizon::around(const View& view, std::uint64_t offset, std::uint64_t end) {
  {
    const std::scoped_lock lock(mutex_);
    if (known_ && offset >= known_->front().start && offset < known_->back().end()) {
      return known_;
    }
  }
  auto resolved = std::make_shared<const Extents>(view.resolve(range_between(offset, end), extents_ahead));
  const std::scoped_lock lock(mutex_);
  known_ = resolved;
  return resolved;
}

}  // namespace qchain::fusefs
