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

/// The file under an image, by what its header names, whatever else of the header can be understood: an image that
/// open_image() refuses (encrypted, with a feature of later times, without recorded format) is read through it all the
/// same, by others. Nothing where there is no qcow2 magic, no name, or a name that leads to no local file.
/// Errors: those of Gate; io.
[[nodiscard]] Result<std::optional<std::string>> file_under(const OpenRequest& request, Gate& gate);

}  // namespace qchain
