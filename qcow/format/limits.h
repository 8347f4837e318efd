#pragma once

#include <cstdint>

/// The limits that QEMU enforces on a qcow2 image; the same numbers bound what is allocated here.
/// Source: QEMU block/qcow2.h, block/qcow2.c, block/qcow2-bitmap.c and the qcow2 specification.
namespace qchain::format {

inline constexpr std::uint32_t magic = 0x514649fb;  // "QFI\xfb"
inline constexpr std::uint32_t min_cluster_bits = 9;
inline constexpr std::uint32_t max_cluster_bits = 21;
inline constexpr std::uint32_t v2_header_length = 72;
inline constexpr std::uint32_t v3_header_length = 104;    ///< shortest header of version 3
inline constexpr std::uint32_t full_header_length = 112;  ///< with the compression type
inline constexpr std::uint32_t max_refcount_order = 6;
inline constexpr std::uint64_t max_l1_bytes = 32ULL << 20;  ///< active table and each snapshot's
inline constexpr std::uint64_t max_refcount_table_bytes = 8ULL << 20;
inline constexpr std::uint32_t max_backing_name = 1023;  ///< bytes
inline constexpr std::uint32_t max_format_name = 15;     ///< bytes
inline constexpr std::uint32_t max_snapshots = 65536;
inline constexpr std::uint64_t max_snapshot_table_bytes = 64ULL << 20;
inline constexpr std::uint32_t max_snapshot_extra = 1024;  ///< bytes
inline constexpr std::uint32_t max_bitmaps = 65535;
inline constexpr std::uint32_t max_bitmap_name = 1023;  ///< bytes
inline constexpr std::uint64_t max_bitmap_directory_bytes = 1024ULL * 65535;
inline constexpr std::uint64_t max_bitmap_bytes = 512ULL << 20;  ///< the clusters that a bitmap's table may name
inline constexpr std::uint32_t min_bitmap_granularity_bits = 9;
inline constexpr std::uint32_t max_bitmap_granularity_bits = 31;
inline constexpr std::uint32_t subclusters_per_cluster = 32;
inline constexpr std::uint32_t min_extended_l2_cluster_bits = 14;  ///< a subcluster is 512 bytes at least
inline constexpr std::uint64_t sector = 512;
/// INT64_MAX rounded down to 1 GiB: the longest disk that QEMU opens.
inline constexpr std::uint64_t max_virtual_size = (INT64_MAX >> 30) << 30;

}  // namespace qchain::format
