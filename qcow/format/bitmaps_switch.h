#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "qcow/core/bytes.h"
#include "qcow/core/error.h"
#include "qcow/format/header.h"
#include "qcow/format/limits.h"

namespace qchain::format {

/// How to switch an image to another bitmap directory so that its header names the old one or the new one at any
/// moment: write `name` at `name_offset`, where nothing of the present header lies; flush; write `sector` at
/// `sector_offset`.
struct BitmapsSwitch {
  std::uint64_t name_offset = 0;  ///< bytes, inside the first cluster
  std::vector<std::byte> name;    ///< the backing file's name, where it has to move; else empty
  std::uint64_t sector_offset = 0;
  std::array<std::byte, sector> sector_bytes{};
};

/// Plans the switch for a version 3 header that parse_header() has accepted. `first_cluster`: all of the first cluster
/// (shorter files zero-extended). The extension is changed where it stands if that is one write; else the first sector
/// is made anew with it, without the names of feature bits, and the backing file's name moves out of its way.
/// Errors: unsupported (the other extensions leave no room in one sector), limit (no room for the name).
[[nodiscard]] Result<BitmapsSwitch> switch_bitmaps(Bytes first_cluster, const BitmapsExtension& bitmaps);

}  // namespace qchain::format
