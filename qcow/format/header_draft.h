#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "qcow/core/bytes.h"
#include "qcow/core/range.h"

/// Inside of the format room: how a header that parse_header() has accepted uses its cluster, and a new one that fits
/// one sector, so that a single write switches to it.
namespace qchain::format {

/// One header extension by its place.
struct ExtensionPlace {
  std::uint32_t type = 0;
  std::uint64_t offset = 0;  ///< of its type field
  std::uint64_t length = 0;  ///< of its data, without padding

  [[nodiscard]] std::uint64_t end() const;
};

/// What of the header's cluster is in use.
struct HeaderLayout {
  std::uint64_t header_length = 0;
  std::vector<ExtensionPlace> extensions;
  std::uint64_t extensions_end = 0;  ///< behind the end marker
  bool has_end_marker = false;
  Range old_name;
};

/// `cluster`: all of the first cluster.
[[nodiscard]] HeaderLayout layout_of(Bytes cluster);

/// The first cluster as it shall be, up to the end of the extensions.
using HeaderDraft = std::vector<std::byte>;

/// The header's fields, then `extension` (with its type and length; padded), then all extensions but those of its type
/// and the names of feature bits, which only serve messages; an end marker.
[[nodiscard]] HeaderDraft draft_with(Bytes cluster, const HeaderLayout& layout, Bytes extension);

/// An extension's bytes, for draft_with(): type, length, data, padding.
[[nodiscard]] std::vector<std::byte> extension_bytes(std::uint32_t type, Bytes data);

/// A place for a backing name of `size` bytes that the present header does not use, or nothing.
[[nodiscard]] std::optional<std::uint64_t> place_for_name(std::uint64_t size, std::uint64_t cluster_size,
                                                          std::uint64_t draft_end, const HeaderLayout& layout);

}  // namespace qchain::format
