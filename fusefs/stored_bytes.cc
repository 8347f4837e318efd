#include "fusefs/stored_bytes.h"

#include <chrono>

namespace qchain::fusefs {

namespace {

constexpr std::size_t extents_at_once = 65536;  // some 3 MiB

bool is_stored(const Extent& extent) {
  return extent.kind == ExtentKind::data || extent.kind == ExtentKind::compressed;
}

}  // namespace

std::uint64_t count_stored(const View& view, Range range) {
  std::uint64_t bytes = 0;
  while (!range.empty()) {
    const Extents extents = view.resolve(range, extents_at_once);
    for (const Extent& extent : extents) {
      bytes += is_stored(extent) ? extent.length : 0;
    }
    range = range_between(extents.back().end(), range.end());
  }
  return bytes;
}

std::optional<std::uint64_t> StoredBytes::known(Inode inode) const {
  const std::scoped_lock lock(mutex_);
  const auto found = counts_.find(inode);
  if (found == counts_.end() || found->second.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
    return std::nullopt;
  }
  return found->second.get();
}

std::uint64_t StoredBytes::of(Inode inode, const std::function<std::uint64_t()>& count) {
  std::unique_lock lock(mutex_);
  if (const auto found = counts_.find(inode); found != counts_.end()) {
    const auto counted = found->second;
    lock.unlock();
    return counted.get();
  }
  std::promise<std::uint64_t> promise;
  counts_.emplace(inode, promise.get_future().share());
  lock.unlock();
  const std::uint64_t bytes = count();
  promise.set_value(bytes);
  return bytes;
}

}  // namespace qchain::fusefs
