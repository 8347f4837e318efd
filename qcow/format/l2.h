#pragma once

#include <cstdint>

#include "qcow/format/header.h"

namespace qchain::format {

/// Why a range of an image cannot be read, although the image as a whole can.
enum class Fault : std::uint8_t {
  none,
  unreadable,               ///< the system could not read the metadata
  misaligned_table,         ///< L1 entry: L2 table not on a cluster border
  misaligned_cluster,       ///< L2 entry: host cluster not on a cluster border
  zero_flag_in_v2,          ///< zero flag in a version 2 image
  subcluster_both,          ///< a subcluster marked allocated and zero, or a reserved combination
  subcluster_no_offset,     ///< a subcluster marked allocated in a cluster without host offset
  compressed_in_data_file,  ///< compressed entry in an image with an external data file
  data_file_offset,         ///< host offset differs from guest offset in an image with an external data file
  bad_compressed_data,      ///< the compressed bytes do not inflate to a cluster
  l1_past_end,              ///< this part of the L1 table lies past the end of the file
  table_past_end,           ///< the L2 table does
  cluster_past_end,         ///< the host cluster does, or the compressed data
};
[[nodiscard]] const char* describe(Fault fault) noexcept;

/// What one L2 entry, or one run of its subclusters, says of guest bytes.
enum class Allocation : std::uint8_t {
  unallocated,  ///< ask the backing file
  data,         ///< at the entry's host offset
  zero,         ///< reads as zeros, whatever lies below
  compressed,
  invalid,
};

/// Where the bytes of a compressed cluster lie. May span host clusters and pass the end of the file.
struct CompressedData {
  std::uint64_t offset = 0;  ///< bytes in the image file, not aligned
  std::uint64_t size = 0;    ///< bytes up to the end of the last sector named
};

/// One L2 entry, decoded. With extended L2, the allocation is per subcluster: see subcluster_run().
struct L2Entry {
  Allocation allocation = Allocation::unallocated;  ///< of the whole cluster; `data` for a normal extended entry
  Fault fault = Fault::none;                        ///< set when allocation is invalid
  bool has_host_offset = false;                     ///< data, or a zero/unallocated cluster that keeps its host cluster
  std::uint64_t host_offset = 0;                    ///< bytes; 0 unless has_host_offset
  CompressedData compressed;                        ///< when allocation is compressed
  std::uint64_t bitmap = 0;                         ///< extended L2: allocation bits low, zero bits high
  bool per_subcluster = false;                      ///< the bitmap decides
};

/// Decodes entry `raw` (and `bitmap`, 0 without extended L2) of the guest cluster at `guest_offset`. Total: any bits
/// give an answer, broken ones `invalid` with the fault. Reserved bits are masked, as QEMU does on reading.
/// Source: qcow2.h:qcow2_get_cluster_type, qcow2_get_subcluster_type, qcow2-cluster.c:qcow2_get_host_offset.
[[nodiscard]] L2Entry decode_l2(const Header& header, std::uint64_t raw, std::uint64_t bitmap,
                                std::uint64_t guest_offset) noexcept;

/// A run of equal subclusters, from `first` on (0..31).
struct SubclusterRun {
  Allocation allocation = Allocation::unallocated;
  std::uint32_t count = 0;  ///< at least 1; first + count <= 32
};
/// Only for entries with `per_subcluster`; never invalid (decode_l2 has refused those).
[[nodiscard]] SubclusterRun subcluster_run(const L2Entry& entry, std::uint32_t first) noexcept;

/// An L1 entry, decoded: 0 = no table (all unallocated).
struct L1Entry {
  std::uint64_t table_offset = 0;  ///< bytes
  Fault fault = Fault::none;
};
[[nodiscard]] L1Entry decode_l1(const Header& header, std::uint64_t raw) noexcept;

}  // namespace qchain::format
