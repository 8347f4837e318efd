#include "qcow/format/l2.h"

#include <bit>

#include "qcow/core/range.h"

namespace qchain::format {
namespace {

constexpr std::uint64_t offset_mask = 0x00fffffffffffe00;  // bits 9..55
constexpr std::uint64_t copied_flag = std::uint64_t{1} << 63;
constexpr std::uint64_t compressed_flag = std::uint64_t{1} << 62;
constexpr std::uint64_t zero_flag = 1;  // reserved with extended L2

/// Bits of the descriptor that hold the offset; the sector count lies between them and the flags.
constexpr unsigned compressed_offset_bits(unsigned cluster_bits) noexcept {
  return 62 - (cluster_bits - 8);
}

L2Entry invalid(Fault fault) noexcept {
  L2Entry entry;
  entry.allocation = Allocation::invalid;
  entry.fault = fault;
  return entry;
}

L2Entry decode_compressed(const Header& header, std::uint64_t raw) noexcept {
  if (header.has(Incompatible::data_file)) {
    return invalid(Fault::compressed_in_data_file);
  }
  const unsigned offset_bits = compressed_offset_bits(header.cluster_bits);
  const std::uint64_t count_mask = (std::uint64_t{1} << (header.cluster_bits - 8)) - 1;
  const std::uint64_t offset = raw & ((std::uint64_t{1} << offset_bits) - 1);
  const std::uint64_t sectors = ((raw >> offset_bits) & count_mask) + 1;
  L2Entry entry;
  entry.allocation = Allocation::compressed;
  entry.compressed = {offset, sectors * sector - offset % sector};
  return entry;
}

/// The entry's host cluster: checked in every kind of entry that has one, as QEMU does.
Fault check_host_offset(const Header& header, std::uint64_t host_offset, std::uint64_t guest_offset) noexcept {
  if (!is_aligned(host_offset, header.cluster_size())) {
    return Fault::misaligned_cluster;
  }
  if (header.has(Incompatible::data_file) && host_offset != guest_offset) {
    return Fault::data_file_offset;
  }
  return Fault::none;
}

Fault check_bitmap(std::uint64_t bitmap, bool has_host_offset) noexcept {
  const auto allocated = static_cast<std::uint32_t>(bitmap);
  const auto zero = static_cast<std::uint32_t>(bitmap >> 32);
  if ((allocated & zero) != 0) {
    return Fault::subcluster_both;
  }
  if (allocated != 0 && !has_host_offset) {
    return Fault::subcluster_no_offset;
  }
  return Fault::none;
}

L2Entry decode_extended(L2Entry entry, std::uint64_t bitmap) noexcept {
  const Fault fault = check_bitmap(bitmap, entry.has_host_offset);
  if (fault != Fault::none) {
    return invalid(fault);
  }
  entry.bitmap = bitmap;
  entry.per_subcluster = true;
  entry.allocation = entry.has_host_offset ? Allocation::data : Allocation::unallocated;
  return entry;
}

}  // namespace

L2Entry decode_l2(const Header& header, std::uint64_t raw, std::uint64_t bitmap, std::uint64_t guest_offset) noexcept {
  if ((raw & compressed_flag) != 0) {
    return decode_compressed(header, raw);
  }

  const bool extended = header.has(Incompatible::extended_l2);
  const bool zero = !extended && (raw & zero_flag) != 0;
  if (zero && header.version < 3) {
    return invalid(Fault::zero_flag_in_v2);
  }

  L2Entry entry;
  entry.host_offset = raw & offset_mask;
  // In a data file, host offset 0 is as good as any; there bit 63 tells allocated from not.
  const bool offset_zero_counts = header.has(Incompatible::data_file) && !zero && (raw & copied_flag) != 0;
  entry.has_host_offset = entry.host_offset != 0 || offset_zero_counts;
  if (entry.has_host_offset) {
    const Fault fault = check_host_offset(header, entry.host_offset, guest_offset);
    if (fault != Fault::none) {
      return invalid(fault);
    }
  }
  if (extended) {
    return decode_extended(entry, bitmap);
  }
  if (zero) {
    entry.allocation = Allocation::zero;
  } else if (entry.has_host_offset) {
    entry.allocation = Allocation::data;
  }
  return entry;
}

SubclusterRun subcluster_run(const L2Entry& entry, std::uint32_t first) noexcept {
  const std::uint32_t left = subclusters_per_cluster - first;
  const std::uint32_t allocated = static_cast<std::uint32_t>(entry.bitmap) >> first;
  const std::uint32_t zero = static_cast<std::uint32_t>(entry.bitmap >> 32) >> first;
  const auto run = [left](Allocation allocation, int count) {
    return SubclusterRun{allocation, std::min(static_cast<std::uint32_t>(count), left)};
  };
  // The shift brought in zeros from above: a run of ones stops there by itself, a run of zeros is cut to what is left.
  if ((zero & 1) != 0) {
    return run(Allocation::zero, std::countr_one(zero));
  }
  if ((allocated & 1) != 0) {
    return run(Allocation::data, std::countr_one(allocated));
  }
  return run(Allocation::unallocated, std::countr_zero(allocated | zero));
}

L1Entry decode_l1(const Header& header, std::uint64_t raw) noexcept {
  const std::uint64_t offset = raw & offset_mask;
  if (!is_aligned(offset, header.cluster_size())) {
    return {0, Fault::misaligned_table};
  }
  return {offset, Fault::none};
}

const char* describe(Fault fault) noexcept {
  switch (fault) {
    case Fault::none:
      return "no fault";
    case Fault::unreadable:
      return "metadata cannot be read";
    case Fault::misaligned_table:
      return "L2 table does not begin on a cluster border";
    case Fault::misaligned_cluster:
      return "host cluster does not begin on a cluster border";
    case Fault::zero_flag_in_v2:
      return "zero flag in a version 2 image";
    case Fault::subcluster_both:
      return "subcluster is marked both allocated and zero";
    case Fault::subcluster_no_offset:
      return "subcluster is marked allocated, but its cluster has no host offset";
    case Fault::compressed_in_data_file:
      return "compressed cluster in an image with an external data file";
    case Fault::data_file_offset:
      return "host offset in the external data file differs from the guest offset";
    case Fault::bad_compressed_data:
      return "compressed data does not inflate to a cluster";
    case Fault::l1_past_end:
      return "L1 table lies past the end of the file, which was cut short";
    case Fault::table_past_end:
      return "L2 table lies past the end of the file, which was cut short";
    case Fault::cluster_past_end:
      return "host cluster lies past the end of the file, which was cut short";
  }
  return "unknown fault";
}

}  // namespace qchain::format
