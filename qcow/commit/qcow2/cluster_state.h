#pragma once

#include <cstdint>

#include "qcow/core/error.h"
#include "qcow/format/header.h"
#include "qcow/format/l2.h"

namespace qchain::qcow2_base {

inline constexpr std::uint64_t copied_flag = std::uint64_t{1} << 63;  ///< the refcount is exactly 1

/// What an L2 entry says of a guest cluster, in units of allocation: 32 subclusters, or the one whole cluster. A plain
/// value; the same for both kinds of L2 entries, so that whoever changes it needs to know one rule only.
struct ClusterState {
  bool compressed = false;  ///< then only `packed` counts
  format::CompressedData packed;
  bool has_host = false;     ///< a host cluster belongs to it
  bool copied = false;       ///< the entry says that the host cluster's refcount is 1
  std::uint64_t host = 0;    ///< bytes
  std::uint32_t stored = 0;  ///< a bit for each unit whose bytes are in the host cluster
  std::uint32_t zeros = 0;   ///< a bit for each unit that reads as zeros; units in neither: what lies below
  [[nodiscard]] bool unallocated() const noexcept { return !compressed && !has_host && zeros == 0; }
};

[[nodiscard]] constexpr bool same_state(const ClusterState& a, const ClusterState& b) noexcept {
  return a.compressed == b.compressed && a.has_host == b.has_host && a.copied == b.copied && a.host == b.host &&
         a.stored == b.stored && a.zeros == b.zeros;
}

/// The bits of all units.
[[nodiscard]] inline std::uint32_t all_units(const format::Header& header) noexcept {
  return header.has(format::Incompatible::extended_l2) ? UINT32_MAX : 1;
}

/// The two halves of an L2 entry; the bitmap is 0 without extended L2.
struct RawL2Entry {
  std::uint64_t entry = 0;
  std::uint64_t bitmap = 0;
};

/// Errors: corrupt.
[[nodiscard]] Result<ClusterState> decode_cluster(const format::Header& header, RawL2Entry raw,
                                                  std::uint64_t guest_offset);
/// Not for compressed ones: none is ever made.
[[nodiscard]] RawL2Entry encode_cluster(const format::Header& header, const ClusterState& state) noexcept;

}  // namespace qchain::qcow2_base
