#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "qcow/format/header.h"

namespace qchain::test {

using ByteVector = std::vector<std::byte>;

[[nodiscard]] ByteVector bytes_of_text(std::string_view text);

/// Offsets of the header's fields, to poke them. Source: qcow2 specification.
namespace field {
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
}  // namespace field

namespace extension {
inline constexpr std::uint32_t end = 0;
inline constexpr std::uint32_t backing_format = 0xe2792aca;
inline constexpr std::uint32_t feature_names = 0x6803f857;
inline constexpr std::uint32_t bitmaps = 0x23852875;
inline constexpr std::uint32_t crypto_header = 0x0537be77;
inline constexpr std::uint32_t data_file = 0x44415441;
}  // namespace extension

/// The first cluster of an image, byte by byte. Begins as what qemu-img makes of a new 64 MiB image: version 3,
/// 64 KiB clusters, no extensions.
class HeaderBuilder {
 public:
  HeaderBuilder();

  /// Version 2: nothing known past byte 72, and extensions begin there.
  HeaderBuilder& version_2();
  /// Another cluster size, with the tables moved to its borders.
  HeaderBuilder& cluster_bits(std::uint32_t bits);
  /// A version 3 header of this length; extensions begin behind it.
  HeaderBuilder& header_length(std::uint32_t bytes);

  HeaderBuilder& u8(std::size_t offset, std::uint8_t value);
  HeaderBuilder& u32(std::size_t offset, std::uint32_t value);
  HeaderBuilder& u64(std::size_t offset, std::uint64_t value);
  HeaderBuilder& text(std::size_t offset, std::string_view value);

  /// Appends an extension, padded to 8 bytes.
  HeaderBuilder& extension(std::uint32_t type, std::string_view data);
  /// Appends the first 8 bytes of an extension, whatever follows.
  HeaderBuilder& extension_head(std::uint32_t type, std::uint32_t length);
  /// Names a backing file at `offset`.
  HeaderBuilder& backing(std::size_t offset, std::string_view name);

  [[nodiscard]] const ByteVector& bytes() const { return bytes_; }
  [[nodiscard]] Result<format::Header> parse() const { return format::parse_header(bytes_); }
  /// Parses what must be good; a failure of the test otherwise.
  [[nodiscard]] format::Header good() const;

 private:
  ByteVector bytes_;
  std::size_t extension_end_ = format::full_header_length;
};

/// Passes when the header is refused with this kind and these words.
[[nodiscard]] testing::AssertionResult refuses(const HeaderBuilder& builder, ErrorKind kind, std::string_view words);

/// Appends numbers and text as an image has them.
void put_u8(ByteVector& bytes, std::uint8_t value);
void put_u16(ByteVector& bytes, std::uint16_t value);
void put_u32(ByteVector& bytes, std::uint32_t value);
void put_u64(ByteVector& bytes, std::uint64_t value);
void put_text(ByteVector& bytes, std::string_view value);
void pad_to_8(ByteVector& bytes);

}  // namespace qchain::test
