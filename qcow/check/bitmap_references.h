#pragma once

#include "qcow/check/cluster_census.h"

/// Inside of the check room: the persistent bitmaps.
namespace qchain {

/// Counts the directory, the tables and the bits of an image's bitmaps, as qcow2_check_bitmaps_refcounts() does.
void count_bitmaps(const Image& image, ClusterCensus& census);

}  // namespace qchain
