#pragma once

#include "qcow/check/cluster_census.h"
#include "qcow/check/refcount_reader.h"

/// Inside of the check room: what was counted against what the file records.
namespace qchain {

/// Compares the clusters that the census's pass has counted, as compare_refcounts() of QEMU does: leaks, corruptions,
/// the highest cluster in use; and where metadata share clusters with anything else. Errors: interrupted.
[[nodiscard]] Result<void> compare_counts(ClusterCensus& census, RefcountReader& refcounts,
                                          const std::stop_token& stop);

}  // namespace qchain
