#include "qcow/bulk/gathered_batches.h"

#include <algorithm>
#include <utility>

#include "qcow/storage/direct_storage.h"

namespace qchain {

namespace {

/// Where a part goes in the buffer, behind the others.
std::uint64_t place_behind(const std::vector<GatheredBatch::Part>& parts, std::uint64_t guest_offset) {
  if (parts.empty()) {
    return guest_offset % direct_block;
  }
  const auto& [last, place] = parts.back();
  const std::uint64_t end = place + last.length;
  return last.end() == guest_offset ? end : align_up(end, direct_block) + guest_offset % direct_block;
}

}  // namespace

GatheredBatches::GatheredBatches(Extents extents) : extents_(std::move(extents)) {
  std::ranges::sort(extents_, {}, &Extent::start);
  for (const Extent& extent : extents_) {
    bound_ += static_cast<std::size_t>(2 + extent.length / batch_size);
  }
}

std::optional<GatheredBatch> GatheredBatches::next() {
  GatheredBatch batch;
  while (used_ < extents_.size()) {
    Extent& rest = extents_[used_];
    const std::uint64_t place = place_behind(batch.parts, rest.start);
    if (place >= batch_size) {
      break;
    }
    const Extent part = clip(rest, {rest.start, std::min(rest.length, batch_size - place)});
    batch.parts.push_back({.extent = part, .place = place});
    if (part.length == rest.length) {
      ++used_;
    } else {
      rest = clip(rest, range_between(part.end(), rest.end()));
    }
  }
  return batch.parts.empty() ? std::nullopt : std::optional(std::move(batch));
}

}  // namespace qchain
