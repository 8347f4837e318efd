#include "fusefs/filesystem.h"

namespace qchain::fusefs {
namespace {

/// Steps over the cached index before the walk over the whole disk takes over: short answers are cheap from the cache,
/// long holes are cheap in the walk.
constexpr int cached_steps = 64;

bool is_it(const Extent& extent, Seek what) {
  return extent.reads_zero() == (what == Seek::hole);
}

}  // namespace

Reply<std::uint64_t> FileSystem::seek(OpenFile& file, std::uint64_t offset, Seek what) const {
  const Range window = file.node.content.window;
  if (offset >= window.length) {
    return refuse(std::errc::no_such_device_or_address);
  }
  std::uint64_t position = window.start + offset;
  for (int step = 0; step < cached_steps && position < window.end(); ++step) {
    const Extent extent = file.view->extent_at(position);
    if (is_it(extent, what)) {
      return position - window.start;
    }
    position = extent.end();
  }
  ExtentWalk walk(*file.view, range_between(position, window.end()));
  while (const auto extent = walk.next()) {
    if (is_it(*extent, what)) {
      return extent->start - window.start;
    }
  }
  if (what == Seek::hole) {
    return window.length;
  }
  return refuse(std::errc::no_such_device_or_address);
}

}  // namespace qchain::fusefs
