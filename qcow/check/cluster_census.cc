#include "qcow/check/cluster_census.h"

#include <fmt/format.h>

namespace qchain {

void ClusterCensus::count(Range range, ClusterUse use, const char* what) {
  if (range.empty()) {
    return;
  }
  if (range.end() > size_ && range.end() - size_ >= cluster_size()) {
    ++pass_.by_walk.corruptions;
    pass_.by_walk.findings.add(Severity::damage, fmt::format("{} lies past the end of the file", what), range.start);
    return;
  }
  const std::uint64_t last = (range.end() - 1) >> cluster_bits_;
  for (std::uint64_t cluster = range.start >> cluster_bits_; cluster <= last; ++cluster) {
    if (!pass_.counts.add(cluster, use)) {
      ++pass_.by_cluster.corruptions;
      pass_.by_cluster.findings.add(Severity::damage, "has more references than its refcount can count",
                                    cluster << cluster_bits_);
    }
  }
}

}  // namespace qchain
