#pragma once

#include <cstddef>
#include <cstdint>

/// Inside of the format room: where the header's fields lie, in bytes from its start, and the numbers of its
/// extensions. Source: qcow2 specification, "Header" and "Header extensions".
namespace qchain::format {

namespace at {
inline constexpr std::size_t version = 4;
inline constexpr std::size_t backing_offset = 8;
inline constexpr std::size_t backing_size = 16;
inline constexpr std::size_t cluster_bits = 20;
inline constexpr std::size_t virtual_size = 24;
inline constexpr std::size_t crypt_method = 32;
inline constexpr std::size_t l1_entries = 36;
inline constexpr std::size_t l1_offset = 40;
inline constexpr std::size_t refcount_table_offset = 48;
inline constexpr std::size_t refcount_table_clusters = 56;
inline constexpr std::size_t snapshot_count = 60;
inline constexpr std::size_t snapshots_offset = 64;
inline constexpr std::size_t incompatible = 72;
inline constexpr std::size_t compatible = 80;
inline constexpr std::size_t autoclear = 88;
inline constexpr std::size_t refcount_order = 96;
inline constexpr std::size_t header_length = 100;
inline constexpr std::size_t compression = 104;
}  // namespace at

inline constexpr std::uint32_t type_end = 0;
inline constexpr std::uint32_t type_backing_format = 0xe2792aca;
inline constexpr std::uint32_t type_feature_names = 0x6803f857;
inline constexpr std::uint32_t type_bitmaps = 0x23852875;
inline constexpr std::uint32_t type_crypto_header = 0x0537be77;
inline constexpr std::uint32_t type_data_file = 0x44415441;

inline constexpr std::size_t extension_header_size = 8;  ///< type and length

}  // namespace qchain::format
