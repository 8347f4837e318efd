#include "qcow/format/new_header.h"

#include <fmt/format.h>

#include <algorithm>

#include "qcow/core/bytes.h"
#include "qcow/core/range.h"
#include "qcow/format/header_layout.h"
#include "qcow/format/limits.h"

namespace qchain::format {
namespace {

constexpr std::uint32_t refcount_order_of_16_bits = 4;

std::vector<std::byte> encode_fields(const NewHeader& header) {
  std::vector<std::byte> bytes(full_header_length);
  store_be(bytes, 0, magic);
  store_be(bytes, at::version, std::uint32_t{3});
  store_be(bytes, at::cluster_bits, header.cluster_bits);
  store_be(bytes, at::virtual_size, header.guest_size);
  store_be(bytes, at::l1_entries, header.l1_entries);
  store_be(bytes, at::l1_offset, header.l1_offset);
  store_be(bytes, at::refcount_table_offset, header.refcount_table_offset);
  store_be(bytes, at::refcount_table_clusters, header.refcount_table_clusters);
  store_be(bytes, at::refcount_order, refcount_order_of_16_bits);
  store_be(bytes, at::header_length, full_header_length);
  return bytes;
}

/// Copies the text behind `bytes`, and pads it to `padded_size`.
void append(std::vector<std::byte>& bytes, std::string_view text, std::uint64_t padded_size) {
  const std::size_t start = bytes.size();
  bytes.resize(start + padded_size);
  std::ranges::copy(std::as_bytes(std::span(text)), bytes.begin() + static_cast<std::ptrdiff_t>(start));
}

/// The format extension and the marker that ends the extensions, which is all zeros.
void append_extensions(std::vector<std::byte>& bytes, std::string_view format) {
  const std::size_t start = bytes.size();
  bytes.resize(start + extension_header_size);
  store_be(bytes, start, type_backing_format);
  store_be(bytes, start + 4, static_cast<std::uint32_t>(format.size()));
  append(bytes, format, align_up(format.size(), 8));
  bytes.resize(bytes.size() + extension_header_size);
}

std::unexpected<Error> no_room(std::uint64_t name_size, bool larger_clusters_help) {
  return std::unexpected(
      make_error(ErrorKind::limit, fmt::format("a backing file name of {} bytes has no room in its header", name_size))
          .advise(larger_clusters_help ? "use larger clusters, or a shorter path to the image"
                                       : "use a shorter path to the image"));
}

}  // namespace

Result<std::vector<std::byte>> encode_header(const NewHeader& header) {
  std::vector<std::byte> bytes = encode_fields(header);
  if (!header.backing) {
    return bytes;
  }
  const BackingReference& backing = *header.backing;
  append_extensions(bytes, backing.format);
  if (backing.name.size() > max_backing_name ||
      !fits(bytes.size(), backing.name.size(), std::uint64_t{1} << header.cluster_bits)) {
    return no_room(backing.name.size(), backing.name.size() <= max_backing_name);
  }
  store_be(bytes, at::backing_offset, std::uint64_t{bytes.size()});
  store_be(bytes, at::backing_size, static_cast<std::uint32_t>(backing.name.size()));
  append(bytes, backing.name, backing.name.size());
  return bytes;
}

}  // namespace qchain::format
