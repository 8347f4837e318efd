#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "qcow/chain/image.h"
#include "qcow/core/error.h"
#include "qcow/format/header.h"

namespace qchain {

/// What lies under an image, as its header says it: a local file and its format.
struct BackingTarget {
  std::string path;  ///< ready to be opened; may hold any bytes
  ImageFormat format = ImageFormat::raw;
  /// A json: name may replace what the backing image's own header says of the next layer.
  bool overrides_next = false;
  std::shared_ptr<const BackingTarget> next;  ///< with overrides_next: the next layer, or null for none
};

/// Reads a header's backing reference; `image` is the path by which the image itself was opened.
/// - A plain name is relative to the folder of `image`, by the path it was opened by (not what a symbolic link points
/// to).
/// - `file:NAME` and the file names inside `json:{…}` are relative to the process's folder. Both as in QEMU.
/// - The format comes from the header, else from the json: object; `file` and `host_device` mean raw.
/// Errors: missing_format (with the command that records it), unsupported (protocols, formats and options by name).
[[nodiscard]] Result<BackingTarget> resolve_backing(const format::Header& header, const std::string& image);

/// Where a backing reference leads, by the same rules; its format is not asked for.
/// Errors: unsupported (protocols, and json: objects that lead to no local file).
[[nodiscard]] Result<std::string> backing_path(const std::string& reference, const std::string& image);

/// Path of an external data file: a plain name is relative to the folder of `image`. (QEMU takes it relative to the
/// process's folder; a name whose meaning depends on who reads it would be a trap, and both agree in the usual case.)
/// Errors: unsupported.
[[nodiscard]] Result<std::string> resolve_data_file(std::string_view name, const std::string& image);

}  // namespace qchain
