#pragma once

#include <optional>
#include <string>

#include "qcow/chain/image.h"
#include "qcow/storage/gate.h"

namespace qchain {

/// Opens one image (not what lies under it), with its external data file. Without `format` it is recognised by its
/// magic, which is right only for what a user names: anything with qcow2's magic is qcow2, the magic of a format that
/// is not supported is refused by its name, all else is raw.
/// Errors: those of Gate and of format::parse_header(); unsupported.
[[nodiscard]] Result<SharedImage> open_image(const OpenRequest& request, Gate& gate, std::optional<ImageFormat> format);

/// The qcow2 header of a file by itself: nothing that it names is opened. Nothing where the file has another magic.
/// Errors: those of Gate and of format::parse_header().
[[nodiscard]] Result<std::optional<format::Header>> read_header(const OpenRequest& request, Gate& gate);

}  // namespace qchain
