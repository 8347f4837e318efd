#include "fusefs/stored_bytes.h"

#include "fusefs/layer_counts.h"

namespace qchain::fusefs {
namespace {

constexpr std::size_t extents_at_once = 65536;  // some 3 MiB

bool is_stored(const Extent& extent) {
  return extent.kind == ExtentKind::data || extent.kind == ExtentKind::compressed;
}

bool is_layer(const Node& file) {
  return file.parent == layers_inode;
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

std::optional<std::uint64_t> StoredBytes::known(const Node& file) {
  if (is_layer(file)) {
    const auto* all = layers_.known();
    return all == nullptr ? std::nullopt : std::optional(all->at(file.content.top - views_.slice().base));
  }
  const std::uint64_t* bytes = own(file.inode).known();
  return bytes == nullptr ? std::nullopt : std::optional(*bytes);
}

std::uint64_t StoredBytes::of(const Node& file) {
  if (is_layer(file)) {
    const auto& all = layers_.get([this] { return count_stored_up_to_each(views_.slice()); });
    return all.at(file.content.top - views_.slice().base);
  }
  return own(file.inode).get([&] { return count_stored(*views_.up_to(file.content.top), file.content.window); });
}

Remembered<std::uint64_t>& StoredBytes::own(Inode inode) {
  const std::scoped_lock lock(mutex_);
  return others_[inode];
}

}  // namespace qchain::fusefs
