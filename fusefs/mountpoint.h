#pragma once

#include <cstdint>
#include <string>

#include "qcow/core/error.h"

namespace qchain::fusefs {

/// What is mounted on.
struct Mountpoint {
  enum class Kind : std::uint8_t { folder, file };
  std::string path;  ///< absolute, without links: the serving process leaves its folder
  Kind kind = Kind::folder;
};

/// Errors: not_found, permission, io (a dead mount is still there), invalid_argument (neither folder nor regular file).
[[nodiscard]] Result<Mountpoint> find_mountpoint(const std::string& path);

}  // namespace qchain::fusefs
