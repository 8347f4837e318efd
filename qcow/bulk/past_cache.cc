#include "qcow/bulk/past_cache.h"

namespace qchain {

PastCache::PastCache(const View& view) : PastCache(view, [](const Storage&) { return true; }) {}

PastCache::PastCache(const View& view, const Wanted& wanted) {
  const Slice& slice = view.slice();
  for (std::size_t layer = slice.top + 1; layer-- > slice.base && opened_.size() < most;) {
    const Storage& file = slice.chain.layer(layer).image->data_storage();
    if (SharedStorage past = wanted(file) ? file.past_cache() : nullptr) {
      opened_.emplace(&file, std::move(past));
    }
  }
}

SharedStorage PastCache::of(const Storage& file) const {
  const auto found = opened_.find(&file);
  return found == opened_.end() ? nullptr : found->second;
}

}  // namespace qchain
