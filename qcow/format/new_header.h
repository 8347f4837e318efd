#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "qcow/core/error.h"

namespace qchain::format {

/// What a header says of the image below.
struct BackingReference {
  std::string name;    ///< 1 to 1023 bytes, any but NUL
  std::string format;  ///< 1 to 15 bytes
};

/// The header of a new image: version 3, 16-bit refcounts, no feature but a backing file.
struct NewHeader {
  std::uint64_t guest_size = 0;  ///< bytes, a multiple of a sector
  std::uint32_t cluster_bits = 16;
  std::uint32_t l1_entries = 0;
  std::uint64_t l1_offset = 0;
  std::uint64_t refcount_table_offset = 0;
  std::uint32_t refcount_table_clusters = 0;
  std::optional<BackingReference> backing;
};

/// The header's bytes, from offset 0; what follows them in the first cluster is zeros.
/// Errors: limit (the backing file's name has no room: 1023 bytes at most, 376 with clusters of 512); without path.
[[nodiscard]] Result<std::vector<std::byte>> encode_header(const NewHeader& header);

}  // namespace qchain::format
