#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "qcow/core/bytes.h"
#include "qcow/core/error.h"
#include "qcow/core/range.h"
#include "qcow/format/limits.h"

namespace qchain::format {

/// Incompatible feature bits of a version 3 header (byte 72).
enum class Incompatible : std::uint64_t {
  dirty = 1U << 0,             ///< refcounts must not be trusted
  corrupt = 1U << 1,           ///< never to be written
  data_file = 1U << 2,         ///< guest clusters live in another file
  compression_type = 1U << 3,  ///< the header's compression type is not zlib
  extended_l2 = 1U << 4,       ///< 16-byte L2 entries with subclusters
};
inline constexpr std::uint64_t known_incompatible = 0x1f;
inline constexpr std::uint64_t compatible_lazy_refcounts = 1U << 0;
inline constexpr std::uint64_t autoclear_bitmaps = 1U << 0;
inline constexpr std::uint64_t autoclear_raw_data_file = 1U << 1;

enum class CompressionType : std::uint8_t { zlib = 0, zstd = 1 };

/// Where the persistent bitmaps are (extension 0x23852875). Only meaningful with the autoclear bit set.
struct BitmapsExtension {
  std::uint32_t count = 0;
  std::uint64_t directory_size = 0;    ///< bytes
  std::uint64_t directory_offset = 0;  ///< bytes
};

/// A header extension that this code does not interpret, kept for a later rewrite of the header.
struct UnknownExtension {
  std::uint32_t type = 0;
  std::vector<std::byte> data;
};

/// The header of a qcow2 image with its extensions, checked against all limits. A plain value.
struct Header {
  std::uint32_t version = 3;  ///< 2 or 3
  std::uint32_t cluster_bits = 16;
  std::uint64_t virtual_size = 0;  ///< bytes, rounded down to a sector, as QEMU keeps it
  std::uint32_t crypt_method = 0;  ///< 0 always: others are refused
  std::uint32_t l1_entries = 0;
  std::uint64_t l1_offset = 0;
  std::uint64_t refcount_table_offset = 0;
  std::uint32_t refcount_table_clusters = 0;
  std::uint32_t snapshot_count = 0;
  std::uint64_t snapshots_offset = 0;
  std::uint64_t incompatible = 0;
  std::uint64_t compatible = 0;
  std::uint64_t autoclear = 0;
  std::uint32_t refcount_order = 4;  ///< refcount width is 2^order bits
  std::uint32_t header_length = v3_header_length;
  CompressionType compression = CompressionType::zlib;
  std::vector<std::byte> unknown_fields;  ///< header bytes past the known ones

  // Texts end at their first NUL byte, as in QEMU; other bytes may be any.
  std::optional<std::string> backing_file;    ///< as written, never empty
  std::optional<std::string> backing_format;  ///< as written, never empty
  std::optional<std::string> data_file;       ///< as written; unset without the data-file bit or the name
  std::optional<BitmapsExtension> bitmaps;
  std::vector<UnknownExtension> unknown_extensions;  ///< in the order of the file

  [[nodiscard]] bool has(Incompatible bit) const noexcept {
    return (incompatible & static_cast<std::uint64_t>(bit)) != 0;
  }
  [[nodiscard]] std::uint64_t cluster_size() const noexcept { return std::uint64_t{1} << cluster_bits; }
  [[nodiscard]] std::uint64_t l2_entry_size() const noexcept { return has(Incompatible::extended_l2) ? 16 : 8; }
  /// Entries of one L2 table, a power of two.
  [[nodiscard]] std::uint64_t l2_entries() const noexcept { return cluster_size() / l2_entry_size(); }
  /// Guest bytes under one L1 entry.
  [[nodiscard]] std::uint64_t l1_entry_span() const noexcept { return l2_entries() << cluster_bits; }
  /// Finest unit that can be allocated: a subcluster with extended L2, else a cluster.
  [[nodiscard]] std::uint64_t allocation_unit() const noexcept {
    return has(Incompatible::extended_l2) ? cluster_size() / subclusters_per_cluster : cluster_size();
  }
  [[nodiscard]] bool raw_data_file() const noexcept { return (autoclear & autoclear_raw_data_file) != 0; }
};

/// Where the name of the backing file stands in an image, bytes: by two fields that each version of the header has,
/// whatever the rest of it says. Empty where there is no name, or a longer one than a name can be (1,023 bytes).
/// `first_bytes`: the first 20 of the file or more, with the magic.
[[nodiscard]] Range backing_name_place(Bytes first_bytes) noexcept;

/// True when the bytes begin with the qcow2 magic.
[[nodiscard]] bool looks_like_qcow2(Bytes first_bytes) noexcept;

/// How many bytes from offset 0 parse_header() wants: one cluster. `first_bytes`: the file's first 112 bytes or all
/// it has. Errors: corrupt (no qcow2, too short), unsupported (version), limit (cluster_bits).
[[nodiscard]] Result<std::uint64_t> header_cluster_size(Bytes first_bytes);

/// Parses and checks header, extensions, and backing name. `first_cluster`: as many bytes of the first cluster as
/// the file has. Encryption, unknown incompatible bits and contradictory fields are refused by name.
/// Errors: corrupt, unsupported, limit; without a path (the caller knows it).
[[nodiscard]] Result<Header> parse_header(Bytes first_cluster);

}  // namespace qchain::format
