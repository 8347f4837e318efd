#pragma once

#include "qcow/core/bytes.h"
#include "qcow/core/error.h"
#include "qcow/format/header.h"

/// Inside of the format room: the header extensions, read by parse_header().
namespace qchain::format {

/// Refuses unknown incompatible bits by number, and by name where the image's feature table has one. `area`: the first
/// cluster up to the end of the extensions. Errors: unsupported.
[[nodiscard]] Result<void> check_incompatible(const Header& header, Bytes area);

/// Reads the extensions from header.header_length to the end of `area` into `header`. Errors: corrupt, limit.
[[nodiscard]] Result<void> read_extensions(Bytes area, Header& header);

}  // namespace qchain::format
