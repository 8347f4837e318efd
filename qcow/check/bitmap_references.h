#pragma once

#include <stop_token>

#include "qcow/check/cluster_census.h"

/// Inside of the check room: the persistent bitmaps.
namespace qchain {

/// Counts the directory, the tables and the bits of an image's bitmaps, as qcow2_check_bitmaps_refcounts() does. Tables
/// that are longer together than the file are not looked at. Errors: interrupted.
[[nodiscard]] Result<void> count_bitmaps(const Image& image, ClusterCensus& census, const std::stop_token& stop);

}  // namespace qchain
