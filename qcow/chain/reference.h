#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "qcow/core/error.h"
#include "qcow/storage/storage.h"

namespace qchain {

/// How the header of an overlay names the image below it.
enum class ReferenceStyle : std::uint8_t {
  relative,  ///< to the folder of the overlay, as it is opened
  absolute,
};

/// That of a backing reference as a header has it.
[[nodiscard]] ReferenceStyle style_of(std::string_view reference) noexcept;

/// The name by which the header of `overlay` (a path; no such file needs to be there) leads to `image`. Relative names
/// keep the links of the image's own name where they arrive by them; where no relative name arrives, it is absolute.
/// Absolute names keep a last link (/dev/vg/lv), and none on the way.
/// Never a json: name or one with a protocol. Errors: io (the image can't be found by its name any more).
[[nodiscard]] Result<std::string> reference_to(const Storage& image, const std::string& overlay, ReferenceStyle style);

}  // namespace qchain
