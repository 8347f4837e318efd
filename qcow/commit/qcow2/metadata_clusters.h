#pragma once

#include <cstdint>
#include <unordered_set>
#include <vector>

#include "qcow/core/range.h"

namespace qchain::qcow2_base {

/// Host clusters known to hold metadata. Guest bytes are never written there, whatever a broken L2 entry or refcount
/// says. Memory: 8 bytes a cluster known at opening. Not thread-safe.
class MetadataClusters {
 public:
  explicit MetadataClusters(std::uint32_t cluster_bits) : cluster_bits_(cluster_bits) {}

  /// While opening: the clusters that `range` (bytes of the file, never ending past 2^63) touches.
  void know(Range range);
  /// After the last know(). False when two tables share a cluster.
  [[nodiscard]] bool settle();
  /// Once settled: behind the last of the clusters known then, in bytes of the file.
  [[nodiscard]] std::uint64_t end() const { return known_.empty() ? 0 : (known_.back() + 1) << cluster_bits_; }

  void add(Range range);
  void remove(std::uint64_t cluster);
  [[nodiscard]] bool contains(std::uint64_t cluster) const;
  /// True when any cluster that `range` touches is one.
  [[nodiscard]] bool touches(Range range) const;

 private:
  std::uint32_t cluster_bits_;
  std::vector<std::uint64_t> known_;  ///< ascending
  std::unordered_set<std::uint64_t> added_;
  std::unordered_set<std::uint64_t> removed_;  ///< of the known ones
};

/// First and last host cluster that a range (not empty) touches.
struct ClusterSpan {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};
[[nodiscard]] constexpr ClusterSpan clusters_of(Range range, std::uint32_t cluster_bits) noexcept {
  return {range.start >> cluster_bits, (range.end() - 1) >> cluster_bits};
}

}  // namespace qchain::qcow2_base
