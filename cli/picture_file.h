#pragma once

#include <string>

#include "cli/svg.h"
#include "qcow/core/error.h"

namespace qchain::cli {

/// Writes the picture to `path`. Only a new file or an earlier drawing is written over: a slip on the command line must
/// not cost an image. Errors: refused, and those of the system.
[[nodiscard]] Result<void> write_picture(const std::string& path, const Picture& picture);

}  // namespace qchain::cli
