#pragma once

#include <vector>

#include "qcow/core/range.h"

namespace qchain::qcow2_base {

/// Host ranges that the image refers to once less, on their way to a lower refcount: a refcount must not be lowered
/// while a crash could bring the old reference back.
struct FreeList {
  std::vector<Range> dropped;   ///< in memory only: the file still refers to them
  std::vector<Range> unsynced;  ///< the file has been told, but that may not be durable

  /// One whole cluster: joined to the one before it, so that their space is given back in one call.
  void drop_cluster(Range cluster) {
    const bool continues =
        !dropped.empty() && dropped.back().end() == cluster.start && is_aligned(dropped.back().start, cluster.length);
    if (continues) {
      dropped.back().length += cluster.length;
    } else {
      dropped.push_back(cluster);
    }
  }
};

}  // namespace qchain::qcow2_base
