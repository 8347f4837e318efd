#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "qcow/chain/backing_name.h"

namespace qchain {

/// What a json: name says.
struct JsonTarget {
  std::string path;                   ///< the local file at the object's leaf
  std::optional<ImageFormat> format;  ///< by the outermost driver, if it says one
  bool overrides_next = false;
  std::shared_ptr<const BackingTarget> next;
};

/// Reads the object of a `json:{…}` name, nested (`"file":{"filename":…}`) or flat (`"file.filename":…`). Options that
/// change the bytes read (offset, keys, other drivers, references to nodes) are refused by name; options that only
/// tune QEMU are ignored. Errors: corrupt (no JSON), unsupported.
[[nodiscard]] Result<JsonTarget> parse_json_name(std::string_view object_text);

/// The format that a driver's or a header's name means. Errors: unsupported.
[[nodiscard]] Result<ImageFormat> image_format(std::string_view name);

}  // namespace qchain
