#include "qcow/chain/view.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "qcow/chain/caches.h"
#include "qcow/chain/resolve.h"

namespace qchain {

namespace {

/// Guest bytes resolved at once: one page of L2 entries a layer at the usual cluster size.
constexpr std::uint64_t region_size = std::uint64_t{32} << 20;

/// Bytes of metadata, of all layers together, that the disk is asked for ahead.
constexpr std::uint64_t metadata_ahead = std::uint64_t{64} << 20;

Error unreadable(const Layer& layer, const Extent& extent, ErrorKind kind, std::string_view reason) {
  return make_error(kind, fmt::format("cannot read guest bytes {} to {}: {}", extent.start, extent.end() - 1, reason))
      .in(layer.file)
      .advise("see qchain check; qchain copy --salvage saves the rest");
}

/// From `offset` on.
Extent extent_in(const Extents& region, std::uint64_t offset) {
  const auto after = std::ranges::upper_bound(region, offset, {}, &Extent::start);
  const Extent& extent = *std::prev(after);
  return clip(extent, range_between(offset, extent.end()));
}

}  // namespace

Error broken_extent(const View& view, const Extent& extent) {
  const ErrorKind kind = extent.fault == format::Fault::unreadable ? ErrorKind::io : ErrorKind::corrupt;
  return unreadable(view.slice().chain.layer(extent.layer), extent, kind, format::describe(extent.fault));
}

ViewCaches::ViewCaches(CacheBudget budget)
    : regions(std::make_shared<RegionCache>(budget.index)), clusters(std::make_shared<ClusterCache>(budget.clusters)) {}

View::View(Slice slice, ViewCaches caches)
    : slice_(std::move(slice)), size_(slice_.size()), caches_(std::move(caches)), id_(caches_.regions->new_owner()) {}

View::~View() = default;

std::shared_ptr<const Extents> View::region_at(std::uint64_t offset) const {
  const std::uint64_t start = align_down(offset, region_size);
  const PlaceKey key{.owner = id_, .place = start};
  bool may_pass = false;
  auto extents_of_region = caches_.regions->get(key, [&] {
    const Range region{start, std::min(region_size, size_ - start)};
    auto extents = std::make_shared<Extents>(qchain::resolve(slice_, region, SIZE_MAX));
    extents->shrink_to_fit();
    may_pass = std::ranges::find(*extents, format::Fault::unreadable, &Extent::fault) != extents->end();
    const std::size_t weight = extents->size() * sizeof(Extent) + sizeof(Extents) + 128;
    return std::pair(std::shared_ptr<const Extents>(std::move(extents)), weight);
  });
  if (may_pass) {
    caches_.regions->forget(key);  // a disk that could not be read now may be readable the next time
  }
  return extents_of_region;
}

Extent View::extent_at(std::uint64_t offset) const {
  return extent_in(*region_at(offset), offset);
}

std::optional<Extent> View::known_extent_at(std::uint64_t offset) const {
  const auto region = caches_.regions->find({.owner = id_, .place = align_down(offset, region_size)});
  return region ? std::optional(extent_in(*region, offset)) : std::nullopt;
}

Extents View::resolve(Range range, std::size_t limit) const {
  return qchain::resolve(slice_, range, limit);
}

Result<void> View::read(std::uint64_t offset, MutableBytes into) const {
  while (!into.empty()) {
    const auto region = region_at(offset);
    auto extent = std::prev(std::ranges::upper_bound(*region, offset, {}, &Extent::start));
    for (; extent != region->end() && !into.empty(); ++extent) {
      const Extent piece = clip(*extent, {offset, into.size()});
      QC_TRY(read_extent(piece, into.first(piece.length)));
      into = into.subspan(piece.length);
      offset += piece.length;
    }
  }
  return {};
}

Result<void> View::read_extent(const Extent& extent, MutableBytes into) const {
  const Layer& layer = slice_.chain.layer(extent.layer);
  switch (extent.kind) {
    case ExtentKind::data:
      return layer.image->data_storage().read_padded(extent.offset, into);
    case ExtentKind::compressed:
      return read_compressed(layer, extent, into);
    case ExtentKind::broken:
      return std::unexpected(broken_extent(*this, extent));
    case ExtentKind::zero:
    case ExtentKind::hole:
    case ExtentKind::past_end:
      break;
  }
  std::memset(into.data(), 0, into.size());
  return {};
}

Result<void> View::read_compressed(const Layer& layer, const Extent& extent, MutableBytes into) const {
  const auto owner = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(layer.image.get()));
  const PlaceKey key{owner, extent.offset, extent.packed_size};
  const auto cluster = caches_.clusters->get(key, [&] {
    auto made = std::make_shared<InflatedCluster>();
    made->image = layer.image;
    made->bytes.resize(layer.image->cluster_size());
    if (auto inflated = layer.image->inflate(extent, made->bytes); !inflated) {
      made->error = std::move(inflated).error();
      made->bytes = {};
    }
    const std::size_t weight = made->bytes.size() + sizeof(InflatedCluster) + 128;
    return std::pair(std::shared_ptr<const InflatedCluster>(std::move(made)), weight);
  });
  if (cluster->error && cluster->error->kind == ErrorKind::io) {
    caches_.clusters->forget(key);  // may pass, as above
  }
  if (cluster->error) {
    const Error& cause = *cluster->error;
    return std::unexpected(unreadable(layer, extent, cause.kind, cause.what).because(cause.os_error));
  }
  const std::uint64_t skip = extent.start & (layer.image->cluster_size() - 1);
  std::memcpy(into.data(), cluster->bytes.data() + skip, into.size());
  return {};
}

void View::will_need(Range range) const {
  std::uint64_t position = range.start;
  const std::uint64_t end = std::min(range.end(), size_);
  while (position < end) {
    const Extent extent = clip(extent_at(position), range_between(position, end));
    const Image& image = *slice_.chain.layer(extent.layer).image;
    if (extent.kind == ExtentKind::data) {
      image.data_storage().will_need({extent.offset, extent.length});
    } else if (extent.kind == ExtentKind::compressed) {
      image.storage().will_need({extent.offset, extent.packed_size});
    }
    position = extent.end();
  }
}

std::uint64_t View::will_resolve(Range range, std::size_t lowest) const {
  const std::uint64_t most = metadata_ahead / (slice_.top - slice_.base + 1);  // as far for few layers as for all
  std::uint64_t reached = range.end();
  for (std::size_t position = slice_.top + 1; position > lowest; --position) {  // in the order in which they are read
    const Image& image = *slice_.chain.layer(position - 1).image;
    const Range part = intersect(range, {0, image.size()});
    const std::uint64_t end = part.empty() ? 0 : image.will_map(part, most);
    if (end < part.end()) {
      reached = std::min(reached, end);
    }
  }
  return reached;
}

void ExtentWalk::resolve_more() {
  if (rest_.start >= announced_) {
    announced_ = view_.will_resolve(rest_, lowest_);
  }
  pending_ = view_.resolve(rest_, extents_at_once);
  used_ = 0;
  rest_ = range_between(pending_.back().end(), rest_.end());
  // Layers that all above hide are not asked, so the next part of the disk most likely does without them too.
  lowest_ = std::ranges::min_element(pending_, {}, &Extent::layer)->layer;
}

std::optional<Extent> ExtentWalk::next() {
  std::optional<Extent> joined;
  while (true) {
    if (used_ == pending_.size()) {
      if (rest_.empty()) {
        return joined;
      }
      resolve_more();
    }
    if (!joined) {
      joined = pending_[used_++];
      continue;
    }
    Extents pair{*joined};
    append(pair, pending_[used_]);
    if (pair.size() > 1) {
      return joined;
    }
    joined = pair.front();
    ++used_;
  }
}

}  // namespace qchain
