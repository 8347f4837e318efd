#pragma once

#include <cstdint>
#include <vector>

#include "qcow/commit/qcow2/cluster_state.h"
#include "qcow/core/range.h"
#include "qcow/format/header.h"

namespace qchain::qcow2_base {

/// A guest cluster of which `covered` gets new bytes.
struct ClusterChange {
  Range cluster;  ///< guest bytes
  Range covered;  ///< guest bytes inside of it, not empty
  ClusterState before;
  bool moves = false;      ///< to a new host cluster, since it has none, or a shared or compressed one
  std::uint64_t host = 0;  ///< where its bytes are from now on
};

/// Where the bytes come from that have to be in the host cluster beside the new ones.
enum class FillSource : std::uint8_t { zeros, below, old_host, inflated };
struct Fill {
  Range guest;
  FillSource source = FillSource::zeros;
};

/// The guest ranges of `change` that have to be filled: what a move leaves behind, and the rest of each unit that gets
/// new bytes. Never more than that. Ascending, not overlapping.
[[nodiscard]] std::vector<Fill> fills_of(const format::Header& header, const ClusterChange& change);

/// What the L2 entry has to say afterwards.
[[nodiscard]] ClusterState state_after(const format::Header& header, const ClusterChange& change);

/// The units of a cluster that a guest range inside of it touches, or covers as a whole, as bits.
[[nodiscard]] std::uint32_t units_touched(const format::Header& header, Range part) noexcept;
[[nodiscard]] std::uint32_t units_covered(const format::Header& header, Range part) noexcept;

}  // namespace qchain::qcow2_base
