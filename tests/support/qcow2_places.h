#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "qcow/core/range.h"
#include "tests/support/bytes_of.h"

namespace qchain::test {

/// Offsets of header fields, for pokes. Bytes.
namespace field {
inline constexpr std::uint64_t version = 4;
inline constexpr std::uint64_t backing_offset = 8;
inline constexpr std::uint64_t backing_size = 16;
inline constexpr std::uint64_t cluster_bits = 20;
inline constexpr std::uint64_t size = 24;
inline constexpr std::uint64_t crypt_method = 32;
inline constexpr std::uint64_t l1_size = 36;
inline constexpr std::uint64_t l1_offset = 40;
inline constexpr std::uint64_t refcount_offset = 48;
inline constexpr std::uint64_t refcount_clusters = 56;
inline constexpr std::uint64_t snapshot_count = 60;
inline constexpr std::uint64_t snapshots_offset = 64;
inline constexpr std::uint64_t incompatible = 72;
inline constexpr std::uint64_t compatible = 80;
inline constexpr std::uint64_t autoclear = 88;
inline constexpr std::uint64_t refcount_order = 96;
inline constexpr std::uint64_t header_length = 100;
inline constexpr std::uint64_t compression = 104;
}  // namespace field

/// Where a qcow2 file keeps its entry for a guest offset: enough to poke it. Bytes from the file's start. Found with
/// no help of the code under test. Throws when the L2 table is not there.
[[nodiscard]] std::uint64_t l1_entry_place(const std::string& image, std::uint64_t guest_offset);
[[nodiscard]] std::uint64_t l2_entry_place(const std::string& image, std::uint64_t guest_offset);
/// The L2 entry itself (without its bitmap), and pokes of it.
[[nodiscard]] std::uint64_t l2_entry(const std::string& image, std::uint64_t guest_offset);
void poke_l2_entry(const std::string& image, std::uint64_t guest_offset, std::uint64_t entry);
void poke_subclusters(const std::string& image, std::uint64_t guest_offset, std::uint64_t bitmap);

/// Where a header extension lies: `place` of its data; throws if there is none of this type.
struct ExtensionPlace {
  std::uint64_t place = 0;
  std::uint32_t length = 0;
};
inline constexpr std::uint32_t backing_format_extension = 0xe2792aca;
inline constexpr std::uint32_t bitmaps_extension = 0x23852875;
inline constexpr std::uint32_t data_file_extension = 0x44415441;
[[nodiscard]] ExtensionPlace extension_place(const std::string& image, std::uint32_t type);

/// Sets header_length of a version 3 image and moves the extensions and the backing name along. New bytes are `fill`.
void change_header_length(const std::string& image, std::uint32_t length, unsigned fill = 0);

/// An address far past the end of every test image, on a cluster border.
inline constexpr std::uint64_t far_away = std::uint64_t{1} << 40;

}  // namespace qchain::test
