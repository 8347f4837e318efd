#include "qcow/bulk/stored_batches.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace qchain {

namespace {

std::size_t pieces_of(const Extent& extent) {
  return static_cast<std::size_t>(1 + extent.length / StoredBatches::batch_size);
}

}  // namespace

StoredBatches::StoredBatches(const View& view, Extents extents, CacheUse cache, const PastCache* past)
    : view_(view), extents_(std::move(extents)), cache_(cache), opened_(past) {
  // Data and packed bytes of one layer may lie in two files.
  const auto place = [](const Extent& extent) { return std::tuple(extent.layer, extent.kind, extent.offset); };
  std::ranges::sort(extents_, {}, place);
  for (const Extent& extent : extents_) {
    bound_ += pieces_of(extent);
  }
}

const Storage& StoredBatches::file_of(const Extent& extent) const {
  return view_.slice().chain.layer(extent.layer).image->data_storage();
}

/// Cuts `length` bytes off the front of the next extent; not more than it has.
Extent StoredBatches::take(std::uint64_t length) {
  Extent& all = extents_[used_];
  if (all.length <= length) {
    return extents_[used_++];
  }
  const Extent front = clip(all, {all.start, length});
  all = clip(all, range_between(front.end(), all.end()));
  return front;
}

void StoredBatches::enter(const Storage& file) {
  if (current_ != &file) {
    current_ = &file;
    past_ = past_cache_of(file);
  }
}

SharedStorage StoredBatches::past_cache_of(const Storage& file) const {
  if (cache_ == CacheUse::keep) {
    return nullptr;
  }
  return opened_ != nullptr ? opened_->of(file) : file.past_cache();
}

std::optional<StoredBatch> StoredBatches::next() {
  if (used_ == extents_.size()) {
    return std::nullopt;
  }
  if (extents_[used_].kind == ExtentKind::compressed) {
    return StoredBatch{.parts = {take(UINT64_MAX)}, .past = nullptr, .stored = {}, .file = nullptr};
  }
  const Storage& file = file_of(extents_[used_]);
  enter(file);
  StoredBatch batch{.parts = {take(batch_size)}, .past = past_, .stored = {}, .file = &file};
  batch.stored = {batch.parts.front().offset, batch.parts.front().length};
  while (used_ < extents_.size() && extents_[used_].kind == ExtentKind::data && &file_of(extents_[used_]) == &file &&
         extents_[used_].offset == batch.stored.end() && batch.stored.length < batch_size) {
    batch.parts.push_back(take(batch_size - batch.stored.length));
    batch.stored.length += batch.parts.back().length;
  }
  return batch;
}

}  // namespace qchain
