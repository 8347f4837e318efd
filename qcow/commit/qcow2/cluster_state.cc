#include "qcow/commit/qcow2/cluster_state.h"

#include <fmt/format.h>

namespace qchain::qcow2_base {
namespace {

constexpr std::uint64_t zero_flag = 1;  // version 3, without extended L2

}  // namespace

Result<ClusterState> decode_cluster(const format::Header& header, RawL2Entry raw, std::uint64_t guest_offset) {
  const format::L2Entry entry = format::decode_l2(header, raw.entry, raw.bitmap, guest_offset);
  if (entry.allocation == format::Allocation::invalid) {
    return fail(ErrorKind::corrupt, fmt::format("guest offset {:#x}: {}", guest_offset, format::describe(entry.fault)));
  }
  ClusterState state;
  if (entry.allocation == format::Allocation::compressed) {
    state.compressed = true;
    state.packed = entry.compressed;
    return state;
  }
  state.has_host = entry.has_host_offset;
  state.host = entry.host_offset;
  state.copied = entry.has_host_offset && (raw.entry & copied_flag) != 0;
  if (entry.per_subcluster) {
    state.stored = static_cast<std::uint32_t>(entry.bitmap);
    state.zeros = static_cast<std::uint32_t>(entry.bitmap >> 32);
  } else {
    state.stored = entry.allocation == format::Allocation::data ? 1 : 0;
    state.zeros = entry.allocation == format::Allocation::zero ? 1 : 0;
  }
  return state;
}

RawL2Entry encode_cluster(const format::Header& header, const ClusterState& state) noexcept {
  RawL2Entry raw;
  if (state.has_host) {
    raw.entry = state.host | (state.copied ? copied_flag : 0);
  }
  if (header.has(format::Incompatible::extended_l2)) {
    raw.bitmap = (std::uint64_t{state.zeros} << 32) | state.stored;
  } else if (state.zeros != 0) {
    raw.entry |= zero_flag;
  }
  return raw;
}

}  // namespace qchain::qcow2_base
