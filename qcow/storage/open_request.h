#pragma once

#include <cstdint>
#include <string>

namespace qchain {

/// Why a file is opened: what the user named is trusted more than what an image header names.
enum class OpenRole : std::uint8_t { named_by_user, backing_file, data_file };

/// One opening that the engine wants.
struct OpenRequest {
  std::string path;  ///< absolute, or relative to the process's folder; any bytes but NUL
  OpenRole role = OpenRole::named_by_user;
  std::string named_by;  ///< image whose header names it; empty for named_by_user
};

}  // namespace qchain
