#include "qcow/format/header.h"

#include <fmt/format.h>

#include <algorithm>

#include "qcow/core/range.h"
#include "qcow/format/extensions.h"
#include "qcow/format/header_layout.h"
#include "qcow/format/text.h"

namespace qchain::format {
namespace {

constexpr std::uint64_t l1_entry_size = 8;
constexpr std::uint64_t snapshot_entry_size = 40;  // fixed part
constexpr std::uint64_t known_field_bytes = 112;

void read_version_3_fields(Bytes bytes, Header& header) {
  header.incompatible = load_be<std::uint64_t>(bytes, at::incompatible);
  header.compatible = load_be<std::uint64_t>(bytes, at::compatible);
  header.autoclear = load_be<std::uint64_t>(bytes, at::autoclear);
  header.refcount_order = load_be<std::uint32_t>(bytes, at::refcount_order);
  header.header_length = load_be<std::uint32_t>(bytes, at::header_length);
}

Header read_fixed_fields(Bytes bytes) {
  Header header;
  header.version = load_be<std::uint32_t>(bytes, at::version);
  header.cluster_bits = load_be<std::uint32_t>(bytes, at::cluster_bits);
  header.virtual_size = load_be<std::uint64_t>(bytes, at::virtual_size);
  header.crypt_method = load_be<std::uint32_t>(bytes, at::crypt_method);
  header.l1_entries = load_be<std::uint32_t>(bytes, at::l1_entries);
  header.l1_offset = load_be<std::uint64_t>(bytes, at::l1_offset);
  header.refcount_table_offset = load_be<std::uint64_t>(bytes, at::refcount_table_offset);
  header.refcount_table_clusters = load_be<std::uint32_t>(bytes, at::refcount_table_clusters);
  header.snapshot_count = load_be<std::uint32_t>(bytes, at::snapshot_count);
  header.snapshots_offset = load_be<std::uint64_t>(bytes, at::snapshots_offset);
  if (header.version == 2) {
    header.header_length = v2_header_length;
  } else {
    read_version_3_fields(bytes, header);
  }
  return header;
}

Result<void> check_header_length(const Header& header) {
  if (header.version == 2) {
    return {};
  }
  if (header.header_length < v3_header_length) {
    return fail(ErrorKind::corrupt, fmt::format("qcow2 header is too short: {} bytes", header.header_length));
  }
  if (header.header_length > header.cluster_size()) {
    return fail(ErrorKind::corrupt, fmt::format("qcow2 header of {} bytes exceeds the cluster", header.header_length));
  }
  return {};
}

Result<void> read_compression(Bytes bytes, Header& header) {
  // The byte is there as soon as the header reaches past it; without it the type is zlib.
  const auto type =
      header.header_length > at::compression ? std::to_integer<std::uint8_t>(bytes[at::compression]) : std::uint8_t{0};
  if (type > static_cast<std::uint8_t>(CompressionType::zstd)) {
    return fail(ErrorKind::unsupported, fmt::format("unknown compression type {}", type));
  }
  header.compression = static_cast<CompressionType>(type);
  const bool named = header.has(Incompatible::compression_type);
  if (named && header.compression == CompressionType::zlib) {
    return fail(ErrorKind::corrupt, "compression-type bit is set, but the compression type is zlib");
  }
  if (!named && header.compression != CompressionType::zlib) {
    return fail(ErrorKind::corrupt, "compression type is zstd, but the compression-type bit is not set");
  }
  return {};
}

Result<void> check_encryption(const Header& header) {
  switch (header.crypt_method) {
    case 0:
      return {};
    case 1:
      return fail(ErrorKind::unsupported, "AES encryption is not supported");
    case 2:
      return fail(ErrorKind::unsupported, "LUKS encryption is not supported");
    default:
      return fail(ErrorKind::unsupported, fmt::format("unknown encryption method {}", header.crypt_method));
  }
}

Result<void> check_units(const Header& header) {
  if (header.has(Incompatible::extended_l2) && header.cluster_bits < min_extended_l2_cluster_bits) {
    return fail(ErrorKind::limit, fmt::format("subclusters of {} bytes are too small", header.allocation_unit()));
  }
  if (header.refcount_order > max_refcount_order) {
    return fail(ErrorKind::limit, fmt::format("refcount order {} is too large", header.refcount_order));
  }
  return {};
}

/// A table as the header names it, checked before anyone allocates or seeks by it.
struct Table {
  const char* name;
  std::uint64_t offset;
  std::uint64_t entries;
  std::uint64_t entry_size;
  std::uint64_t max_bytes;
};

Result<void> check_table(const Header& header, const Table& table) {
  if (table.entries > table.max_bytes / table.entry_size) {
    return fail(ErrorKind::limit, fmt::format("{} is too large: {} entries", table.name, table.entries));
  }
  // QEMU checks every table against the largest offset, and fails to read one that ends past its longest disk.
  const std::uint64_t limit = table.entries == 0 ? INT64_MAX : max_virtual_size;
  if (!fits(table.offset, table.entries * table.entry_size, limit)) {
    return fail(ErrorKind::corrupt, fmt::format("{} lies past the largest file offset", table.name));
  }
  if (!is_aligned(table.offset, header.cluster_size())) {
    return fail(ErrorKind::corrupt,
                fmt::format("{} at {:#x} does not begin on a cluster border", table.name, table.offset));
  }
  return {};
}

Result<void> check_tables(const Header& header) {
  if (header.refcount_table_clusters == 0) {
    return fail(ErrorKind::corrupt, "image has no refcount table");
  }
  const std::uint64_t refcount_entries = std::uint64_t{header.refcount_table_clusters} << (header.cluster_bits - 3);
  QC_TRY(check_table(header,
                     {"refcount table", header.refcount_table_offset, refcount_entries, 8, max_refcount_table_bytes}));
  QC_TRY(check_table(header, {"snapshot table", header.snapshots_offset, header.snapshot_count, snapshot_entry_size,
                              snapshot_entry_size * max_snapshots}));
  return check_table(header, {"L1 table", header.l1_offset, header.l1_entries, l1_entry_size, max_l1_bytes});
}

Result<void> check_virtual_size(const Header& header) {
  const std::uint64_t span = header.l1_entry_span();
  const std::uint64_t needed = header.virtual_size / span + (header.virtual_size % span != 0 ? 1 : 0);
  if (header.virtual_size > max_virtual_size || needed > max_l1_bytes / l1_entry_size) {
    return fail(ErrorKind::limit, fmt::format("virtual size of {} bytes is too large", header.virtual_size));
  }
  if (header.l1_entries < needed) {
    return fail(ErrorKind::corrupt, fmt::format("L1 table is too small: {} entries, {} are needed for the virtual size",
                                                header.l1_entries, needed));
  }
  return {};
}

Result<void> read_backing_name(Bytes bytes, std::uint64_t offset, Header& header) {
  if (offset == 0) {
    return {};
  }
  const std::uint64_t size = load_be<std::uint32_t>(bytes, at::backing_size);
  const std::uint64_t room = std::min<std::uint64_t>(max_backing_name, bytes.size() - offset);
  if (size > room) {
    return fail(ErrorKind::limit, fmt::format("backing file name is too long: {} bytes of at most {}", size, room));
  }
  std::string name = text_up_to_nul(bytes.subspan(offset, size));
  if (!name.empty()) {
    header.backing_file = std::move(name);
  }
  return {};
}

void keep_unknown_fields(Bytes bytes, Header& header) {
  if (header.header_length <= known_field_bytes) {
    return;
  }
  const Bytes tail = bytes.subspan(known_field_bytes, header.header_length - known_field_bytes);
  header.unknown_fields.assign(tail.begin(), tail.end());
}

Result<void> check_raw_data_file(const Header& header) {
  if (header.raw_data_file() && !header.has(Incompatible::data_file)) {
    return fail(ErrorKind::corrupt, "raw-data-file bit is set in an image without a data file");
  }
  return {};
}

}  // namespace

Range backing_name_place(Bytes first_bytes) noexcept {
  if (first_bytes.size() < at::backing_size + sizeof(std::uint32_t)) {
    return {};
  }
  const auto offset = load_be<std::uint64_t>(first_bytes, at::backing_offset);
  const auto size = load_be<std::uint32_t>(first_bytes, at::backing_size);
  const bool is_possible = offset != 0 && offset < std::uint64_t{1} << max_cluster_bits && size <= max_backing_name;
  return is_possible ? Range{offset, size} : Range{};
}

bool looks_like_qcow2(Bytes first_bytes) noexcept {
  return first_bytes.size() >= sizeof magic && load_be<std::uint32_t>(first_bytes, 0) == magic;
}

Result<std::uint64_t> header_cluster_size(Bytes first_bytes) {
  if (!looks_like_qcow2(first_bytes)) {
    return fail(ErrorKind::corrupt, "not a qcow2 image");
  }
  if (first_bytes.size() < at::cluster_bits + sizeof(std::uint32_t)) {
    return fail(ErrorKind::corrupt, "file is too short for a qcow2 header");
  }
  const auto version = load_be<std::uint32_t>(first_bytes, at::version);
  if (version != 2 && version != 3) {
    return fail(ErrorKind::unsupported, fmt::format("qcow2 version {} is not supported", version));
  }
  const auto bits = load_be<std::uint32_t>(first_bytes, at::cluster_bits);
  if (bits < min_cluster_bits || bits > max_cluster_bits) {
    return fail(ErrorKind::limit, fmt::format("cluster size 2^{} is not supported", bits));
  }
  return std::uint64_t{1} << bits;
}

Result<Header> parse_header(Bytes first_cluster) {
  const std::uint64_t cluster_size = QC_TRY(header_cluster_size(first_cluster));
  std::vector<std::byte> storage;
  const Bytes bytes = zero_extended(first_cluster, cluster_size, storage);

  Header header = read_fixed_fields(bytes);
  QC_TRY(check_header_length(header));
  keep_unknown_fields(bytes, header);
  const auto backing_offset = load_be<std::uint64_t>(bytes, at::backing_offset);
  if (backing_offset > cluster_size) {
    return fail(ErrorKind::corrupt, "backing file name lies outside the first cluster");
  }
  const Bytes with_extensions = backing_offset == 0 ? bytes : bytes.first(backing_offset);

  QC_TRY(read_compression(bytes, header));
  QC_TRY(check_incompatible(header, with_extensions));
  QC_TRY(check_units(header));
  QC_TRY(check_encryption(header));
  QC_TRY(check_tables(header));
  QC_TRY(check_virtual_size(header));
  QC_TRY(read_extensions(with_extensions, header));
  QC_TRY(check_raw_data_file(header));
  QC_TRY(read_backing_name(bytes, backing_offset, header));
  header.virtual_size = align_down(header.virtual_size, sector);
  return header;
}

}  // namespace qchain::format
