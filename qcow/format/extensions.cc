#include "qcow/format/extensions.h"

#include <fmt/format.h>

#include <bit>
#include <optional>
#include <string>

#include "qcow/core/range.h"
#include "qcow/format/header_layout.h"
#include "qcow/format/text.h"

namespace qchain::format {
namespace {

constexpr std::size_t bitmaps_extension_size = 24;
constexpr std::size_t feature_entry_size = 48;

struct Extension {
  std::uint32_t type = 0;
  Bytes data;
};

/// Walks the extensions of an area one by one.
class ExtensionReader {
 public:
  ExtensionReader(Bytes area, std::size_t start) : area_(area), offset_(start) {}

  /// The next one, or nothing at the end marker or the area's end. Errors: corrupt.
  Result<std::optional<Extension>> next() {
    if (offset_ >= area_.size()) {
      return std::nullopt;
    }
    if (area_.size() - offset_ < extension_header_size) {
      return overrun();
    }
    const Bytes rest = area_.subspan(offset_);
    const auto type = load_be<std::uint32_t>(rest, 0);
    const std::size_t length = load_be<std::uint32_t>(rest, 4);
    if (length > rest.size() - extension_header_size) {
      return overrun();
    }
    if (type == type_end) {
      return std::nullopt;
    }
    offset_ += extension_header_size + align_up(length, 8);
    return Extension{type, rest.subspan(extension_header_size, length)};
  }

 private:
  [[nodiscard]] std::unexpected<Error> overrun() const {
    return std::unexpected(make_error(ErrorKind::corrupt, "header extension runs past its area").at(offset_));
  }

  Bytes area_;
  std::size_t offset_;
};

Result<void> read_backing_format(Bytes data, Header& header) {
  if (data.size() > max_format_name) {
    return fail(ErrorKind::limit, fmt::format("backing format name is too long: {} bytes", data.size()));
  }
  // Of several the last one counts, and an empty one takes the format back.
  header.backing_format = text_up_to_nul(data);
  if (header.backing_format->empty()) {
    header.backing_format.reset();
  }
  return {};
}

Result<void> check_bitmaps(const Header& header, const BitmapsExtension& bitmaps, std::uint32_t reserved) {
  if (reserved != 0) {
    return fail(ErrorKind::corrupt, "bitmaps extension: reserved field is not zero");
  }
  if (bitmaps.count == 0) {
    return fail(ErrorKind::corrupt, "bitmaps extension: no bitmaps");
  }
  if (bitmaps.count > max_bitmaps) {
    return fail(ErrorKind::limit, fmt::format("bitmaps extension: too many bitmaps: {}", bitmaps.count));
  }
  if (!is_aligned(bitmaps.directory_offset, header.cluster_size())) {
    return fail(ErrorKind::corrupt, "bitmaps extension: directory does not begin on a cluster border");
  }
  if (bitmaps.directory_size == 0) {
    return fail(ErrorKind::corrupt, "bitmaps extension: directory is empty");
  }
  if (bitmaps.directory_size > max_bitmap_directory_bytes) {
    return fail(ErrorKind::limit,
                fmt::format("bitmaps extension: directory is too large: {} bytes", bitmaps.directory_size));
  }
  return {};
}

Result<void> read_bitmaps(Bytes data, Header& header) {
  if (data.size() != bitmaps_extension_size) {
    return fail(ErrorKind::corrupt, fmt::format("bitmaps extension has a wrong length: {} bytes", data.size()));
  }
  // Without the bit, a program that knows no bitmaps has written to the image: what they say is stale.
  if ((header.autoclear & autoclear_bitmaps) == 0) {
    return {};
  }
  const BitmapsExtension bitmaps{load_be<std::uint32_t>(data, 0), load_be<std::uint64_t>(data, 8),
                                 load_be<std::uint64_t>(data, 16)};
  QC_TRY(check_bitmaps(header, bitmaps, load_be<std::uint32_t>(data, 4)));
  header.bitmaps = bitmaps;
  return {};
}

void read_data_file(Bytes data, Header& header) {
  if (!header.has(Incompatible::data_file)) {
    return;
  }
  header.data_file = text_up_to_nul(data);
}

Result<void> read_extension(const Extension& extension, Header& header) {
  switch (extension.type) {
    case type_backing_format:
      return read_backing_format(extension.data, header);
    case type_bitmaps:
      return read_bitmaps(extension.data, header);
    case type_data_file:
      read_data_file(extension.data, header);
      return {};
    case type_crypto_header:
      return fail(ErrorKind::corrupt, "encryption header in an image that is not encrypted");
    case type_feature_names:
      return {};  // only wanted when a bit is refused
    default:
      header.unknown_extensions.push_back({extension.type, {extension.data.begin(), extension.data.end()}});
      return {};
  }
}

/// Name of incompatible bit `bit` in a feature name table, or empty.
std::string name_in_table(Bytes table, unsigned bit) {
  constexpr std::byte incompatible_feature{0};
  for (; table.size() >= feature_entry_size; table = table.subspan(feature_entry_size)) {
    if (table[0] == incompatible_feature && std::to_integer<unsigned>(table[1]) == bit) {
      return printable(text_up_to_nul(table.subspan(2, feature_entry_size - 2)));
    }
  }
  return {};
}

/// The feature name table, or nothing: a broken extension area must not hide which bit is refused.
Bytes find_feature_names(Bytes area, std::size_t start) {
  ExtensionReader reader(area, start);
  for (;;) {
    const auto extension = reader.next().value_or(std::nullopt);
    if (!extension) {
      return {};
    }
    if (extension->type == type_feature_names) {
      return extension->data;
    }
  }
}

}  // namespace

Result<void> check_incompatible(const Header& header, Bytes area) {
  std::uint64_t unknown = header.incompatible & ~known_incompatible;
  if (unknown == 0) {
    return {};
  }
  const Bytes names = find_feature_names(area, header.header_length);
  std::string list;
  for (; unknown != 0; unknown &= unknown - 1) {
    const auto bit = static_cast<unsigned>(std::countr_zero(unknown));
    const std::string name = name_in_table(names, bit);
    list += fmt::format("{}{}{}", list.empty() ? "" : ", ", bit, name.empty() ? "" : fmt::format(" ({})", name));
  }
  return fail(ErrorKind::unsupported, fmt::format("unknown incompatible feature bits: {}", list));
}

Result<void> read_extensions(Bytes area, Header& header) {
  ExtensionReader reader(area, header.header_length);
  for (;;) {
    const auto extension = QC_TRY(reader.next());
    if (!extension) {
      return {};
    }
    QC_TRY(read_extension(*extension, header));
  }
}

}  // namespace qchain::format
