#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "qcow/core/bytes.h"
#include "qcow/core/error.h"
#include "qcow/format/limits.h"

namespace qchain::format {

/// How to give an image another backing file so that it names the old one or the new one at any moment: write `name` at
/// `name_offset`, where nothing of the present header lies; flush; write `first_sector` at 0; flush.
struct BackingRewrite {
  std::uint64_t name_offset = 0;  ///< bytes, inside the first cluster
  std::vector<std::byte> name;    ///< to be written first; empty where the name lies in the first sector itself
  std::array<std::byte, sector> first_sector{};
};

/// Plans the rewrite of a header that parse_header() has accepted. `first_cluster`: all of the first cluster (shorter
/// files zero-extended). All extensions stay, in their order; the names of feature bits, which only serve messages, are
/// left out where the room is needed. A name that it has already stays where it is. Unknown autoclear bits are cleared,
/// as for any change of an image. `format`: at most 15 bytes. Errors: limit (the name has no room: at most 1023 bytes,
/// 376 with clusters of 512), unsupported (the extensions don't leave room in the first sector for the format).
[[nodiscard]] Result<BackingRewrite> rewrite_backing(Bytes first_cluster, std::string_view name,
                                                     std::string_view format);

}  // namespace qchain::format
