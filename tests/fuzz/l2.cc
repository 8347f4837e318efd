// Target: L1 and L2 entries, any bits. Input: cluster bits (1 byte), features (1 byte), then records of 24 bytes: the
// entry, its bitmap, the guest offset; all big-endian.
#include "qcow/format/l2.h"

#include "qcow/core/range.h"
#include "tests/fuzz/input.h"

using namespace qchain;
using format::Allocation;
using format::Incompatible;

namespace {

format::Header make_header(std::uint8_t cluster_bits, std::uint8_t features) {
  format::Header header;
  constexpr std::uint32_t choices = format::max_cluster_bits - format::min_cluster_bits + 1;
  header.cluster_bits = format::min_cluster_bits + cluster_bits % choices;
  if ((features & 1) != 0 && header.cluster_bits >= format::min_extended_l2_cluster_bits) {
    header.incompatible |= static_cast<std::uint64_t>(Incompatible::extended_l2);
  }
  if ((features & 2) != 0) {
    header.incompatible |= static_cast<std::uint64_t>(Incompatible::data_file);
  }
  if ((features & 4) != 0 && header.incompatible == 0) {
    header.version = 2;
  }
  return header;
}

void check_subclusters(const format::L2Entry& entry) {
  std::uint32_t at = 0;
  while (at < format::subclusters_per_cluster) {
    const auto run = format::subcluster_run(entry, at);
    fuzz::require(run.count >= 1 && at + run.count <= format::subclusters_per_cluster, "runs stay in the cluster");
    fuzz::require(run.allocation != Allocation::invalid, "a valid entry has valid subclusters");
    fuzz::require(run.allocation != Allocation::data || entry.has_host_offset, "data has a place");
    at += run.count;
  }
}

void check_l2(const format::Header& header, const format::L2Entry& entry) {
  using fuzz::require;
  require((entry.allocation == Allocation::invalid) == (entry.fault != format::Fault::none), "a fault has its reason");
  if (entry.allocation == Allocation::invalid) {
    require(*format::describe(entry.fault) != '\0', "a fault has words");
    return;
  }
  if (entry.has_host_offset) {
    require(entry.host_offset < (1ULL << 56), "host offset within the limits");
    require(is_aligned(entry.host_offset, header.cluster_size()), "host offset on a cluster border");
  }
  if (entry.allocation == Allocation::compressed) {
    require(entry.compressed.size <= 2 * header.cluster_size(), "packed data fit two clusters");
    require(entry.compressed.offset < (1ULL << 62), "offset of packed data within the limits");
  }
  if (entry.per_subcluster) {
    check_subclusters(entry);
  }
}

void check_l1(const format::Header& header, const format::L1Entry& entry) {
  if (entry.fault == format::Fault::none) {
    fuzz::require(is_aligned(entry.table_offset, header.cluster_size()), "L2 table on a cluster border");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const auto cluster_bits = input.take<std::uint8_t>();
  const auto header = make_header(cluster_bits, input.take<std::uint8_t>());
  while (!input.empty()) {
    const auto raw = input.take<std::uint64_t>();
    const auto bitmap = input.take<std::uint64_t>();
    const auto guest_offset = align_down(input.take<std::uint64_t>(), header.cluster_size());
    const bool extended = header.has(Incompatible::extended_l2);
    check_l2(header, format::decode_l2(header, raw, extended ? bitmap : 0, guest_offset));
    check_l1(header, format::decode_l1(header, raw));
  }
  return 0;
}
