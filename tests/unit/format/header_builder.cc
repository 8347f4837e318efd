#include "tests/unit/format/header_builder.h"

#include <algorithm>

#include "qcow/core/range.h"

namespace qchain::test {
namespace {

template <typename T>
void put(ByteVector& bytes, T value) {
  bytes.resize(bytes.size() + sizeof value);
  store_be(bytes, bytes.size() - sizeof value, value);
}

}  // namespace

ByteVector bytes_of_text(std::string_view text) {
  ByteVector bytes;
  put_text(bytes, text);
  return bytes;
}

HeaderBuilder::HeaderBuilder() {
  cluster_bits(16);
  u32(0, format::magic).u32(field::version, 3).u64(field::virtual_size, 64 << 20).u32(field::l1_entries, 1);
  u32(field::refcount_table_clusters, 1).u32(field::refcount_order, 4);
  header_length(format::full_header_length);
}

HeaderBuilder& HeaderBuilder::version_2() {
  std::fill(bytes_.begin() + format::v2_header_length, bytes_.end(), std::byte{0});
  extension_end_ = format::v2_header_length;
  return u32(field::version, 2);
}

HeaderBuilder& HeaderBuilder::cluster_bits(std::uint32_t bits) {
  bytes_.resize(std::size_t{1} << bits);
  u32(field::cluster_bits, bits);
  return u64(field::refcount_table_offset, 1ULL << bits).u64(field::l1_offset, 3ULL << bits);
}

HeaderBuilder& HeaderBuilder::header_length(std::uint32_t bytes) {
  extension_end_ = bytes;
  return u32(field::header_length, bytes);
}

HeaderBuilder& HeaderBuilder::u8(std::size_t offset, std::uint8_t value) {
  bytes_.at(offset) = std::byte{value};
  return *this;
}

HeaderBuilder& HeaderBuilder::u32(std::size_t offset, std::uint32_t value) {
  store_be(MutableBytes(bytes_).subspan(offset, sizeof value), 0, value);
  return *this;
}

HeaderBuilder& HeaderBuilder::u64(std::size_t offset, std::uint64_t value) {
  store_be(MutableBytes(bytes_).subspan(offset, sizeof value), 0, value);
  return *this;
}

HeaderBuilder& HeaderBuilder::text(std::size_t offset, std::string_view value) {
  std::ranges::copy(bytes_of_text(value), bytes_.begin() + static_cast<std::ptrdiff_t>(offset));
  return *this;
}

HeaderBuilder& HeaderBuilder::extension(std::uint32_t type, std::string_view data) {
  extension_head(type, static_cast<std::uint32_t>(data.size())).text(extension_end_, data);
  extension_end_ += align_up(data.size(), 8);
  return *this;
}

HeaderBuilder& HeaderBuilder::extension_head(std::uint32_t type, std::uint32_t length) {
  u32(extension_end_, type).u32(extension_end_ + 4, length);
  extension_end_ += 8;
  return *this;
}

HeaderBuilder& HeaderBuilder::backing(std::size_t offset, std::string_view name) {
  u64(field::backing_offset, offset).u32(field::backing_size, static_cast<std::uint32_t>(name.size()));
  return text(offset, name);
}

format::Header HeaderBuilder::good() const {
  auto header = parse();
  if (!header) {
    ADD_FAILURE() << "refused: " << describe(header.error());
    return {};
  }
  return *std::move(header);
}

testing::AssertionResult refuses(const HeaderBuilder& builder, ErrorKind kind, std::string_view words) {
  const auto header = builder.parse();
  if (header) {
    return testing::AssertionFailure() << "the header was accepted";
  }
  if (header.error().kind != kind || header.error().what.find(words) == std::string::npos) {
    return testing::AssertionFailure() << "refused as kind " << static_cast<int>(header.error().kind) << ": "
                                       << header.error().what;
  }
  return testing::AssertionSuccess();
}

void put_u8(ByteVector& bytes, std::uint8_t value) {
  put(bytes, value);
}
void put_u16(ByteVector& bytes, std::uint16_t value) {
  put(bytes, value);
}
void put_u32(ByteVector& bytes, std::uint32_t value) {
  put(bytes, value);
}
void put_u64(ByteVector& bytes, std::uint64_t value) {
  put(bytes, value);
}

void put_text(ByteVector& bytes, std::string_view value) {
  std::ranges::transform(value, std::back_inserter(bytes), [](char c) { return static_cast<std::byte>(c); });
}

void pad_to_8(ByteVector& bytes) {
  bytes.resize(align_up(bytes.size(), 8));
}

}  // namespace qchain::test
