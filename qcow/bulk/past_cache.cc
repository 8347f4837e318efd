#include "qcow/bulk/past_cache.h"

namespace qchain {

PastCache::PastCache(const View& view) {
  const Slice& slice = view.slice();
  for (std::size_t layer = slice.top + 1; layer-- > slice.base && opened_.size() < most;) {
    const Storage& file = slice.chain.layer(layer).image->data_storage();
    if (SharedStorage past = file.past_cache()) {
      opened_.emplace(&file, std::move(past));
    }
  }
}

SharedStorage PastCache::of(const Storage& file) const {
  const auto found = opened_.find(&file);
  return found == opened_.end() ? nullptr : found->second;
}

}  // namespace qchain
