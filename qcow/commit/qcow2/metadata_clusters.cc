#include "qcow/commit/qcow2/metadata_clusters.h"

#include <algorithm>

namespace qchain::qcow2_base {

void MetadataClusters::know(Range range) {
  if (range.empty()) {
    return;
  }
  const ClusterSpan span = clusters_of(range, cluster_bits_);
  for (std::uint64_t cluster = span.first; cluster <= span.last; ++cluster) {
    known_.push_back(cluster);
  }
}

bool MetadataClusters::settle() {
  std::ranges::sort(known_);
  return std::ranges::adjacent_find(known_) == known_.end();
}

void MetadataClusters::add(Range range) {
  const ClusterSpan span = clusters_of(range, cluster_bits_);
  for (std::uint64_t cluster = span.first; cluster <= span.last; ++cluster) {
    added_.insert(cluster);
  }
}

void MetadataClusters::remove(std::uint64_t cluster) {
  added_.erase(cluster);
  if (std::ranges::binary_search(known_, cluster)) {
    removed_.insert(cluster);
  }
}

bool MetadataClusters::contains(std::uint64_t cluster) const {
  return added_.contains(cluster) || (std::ranges::binary_search(known_, cluster) && !removed_.contains(cluster));
}

bool MetadataClusters::touches(Range range) const {
  const ClusterSpan span = clusters_of(range, cluster_bits_);
  for (std::uint64_t cluster = span.first; cluster <= span.last; ++cluster) {
    if (contains(cluster)) {
      return true;
    }
  }
  return false;
}

}  // namespace qchain::qcow2_base
