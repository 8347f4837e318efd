#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <vector>

#include "qcow/chain/extent.h"
#include "qcow/chain/image.h"
#include "qcow/chain/lru_cache.h"

namespace qchain {

/// A cache key: which view or image, where in it, and how much.
struct PlaceKey {
  std::uint64_t owner = 0;
  std::uint64_t place = 0;
  std::uint64_t size = 0;  ///< packed bytes: two L2 entries may name one place with different lengths
  friend bool operator==(const PlaceKey&, const PlaceKey&) = default;
};

struct PlaceHash {
  std::size_t operator()(const PlaceKey& key) const noexcept {
    // Multiplying by an odd constant and folding spreads neighbours over all shards.
    const std::uint64_t number = key.place + key.owner * 0x9e3779b97f4a7c15ULL + (key.size << 40);
    const std::uint64_t mixed = number * 0xd6e8feb86659fd93ULL;
    return mixed ^ (mixed >> 32);
  }
};

/// The merged index: resolved extents by region of the view.
class RegionCache : public LruCache<PlaceKey, Extents, PlaceHash> {
 public:
  using LruCache::LruCache;
  /// A number that tells one view's regions from another's; never given twice.
  [[nodiscard]] std::uint64_t new_owner() noexcept { return ++last_owner_; }

 private:
  std::atomic<std::uint64_t> last_owner_{0};
};

/// One compressed cluster, inflated, or why it does not inflate.
struct InflatedCluster {
  SharedImage image;  ///< keeps the image, whose address is the key's owner, from being replaced by another
  std::vector<std::byte> bytes;
  std::optional<Error> error;
};

/// Inflated clusters by image, place and length of their packed bytes.
class ClusterCache : public LruCache<PlaceKey, InflatedCluster, PlaceHash> {
 public:
  using LruCache::LruCache;
};

}  // namespace qchain
