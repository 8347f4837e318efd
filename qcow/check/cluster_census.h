#pragma once

#include <cstdint>

#include "qcow/check/image_check.h"
#include "qcow/check/reference_counts.h"
#include "qcow/core/range.h"

/// Inside of the check room: who refers to which clusters.
namespace qchain {

/// One pass over an image's metadata counts the clusters that fit into memory, and whatever a pass finds beside is told
/// in the first one only.
struct CheckPass {
  ReferenceCounts counts;
  ImageCheck& by_cluster;  ///< what is found of the clusters that this pass counts
  ImageCheck& by_walk;     ///< what walking finds: the result in the first pass, else nobody looks
};

/// Counts the references to one file's clusters.
class ClusterCensus {
 public:
  ClusterCensus(const Storage& storage, std::uint32_t cluster_bits, CheckPass& pass) noexcept
      : size_(storage.size()), cluster_bits_(cluster_bits), pass_(pass) {}

  /// All clusters that `range` touches are referred to as `use`; `what` names who does. An empty range is nothing. A
  /// range may end in the cluster in which the file ends, but not behind it.
  void count(Range range, ClusterUse use, const char* what);

  [[nodiscard]] CheckPass& pass() noexcept { return pass_; }
  /// Of the file; the last may be a part of one.
  [[nodiscard]] std::uint64_t clusters() const noexcept { return align_up(size_, cluster_size()) >> cluster_bits_; }
  [[nodiscard]] std::uint64_t cluster_size() const noexcept { return std::uint64_t{1} << cluster_bits_; }
  [[nodiscard]] std::uint32_t cluster_bits() const noexcept { return cluster_bits_; }
  /// Whether nothing of a cluster that begins there is in the file.
  [[nodiscard]] bool is_past_end(std::uint64_t offset) const noexcept { return offset >= size_; }

 private:
  std::uint64_t size_;
  std::uint32_t cluster_bits_;
  CheckPass& pass_;
};

}  // namespace qchain
