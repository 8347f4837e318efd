#pragma once

#include <string>
#include <vector>

#include "qcow/core/error.h"

namespace qchain {

/// What a walk over folders came to.
struct FilesFound {
  std::vector<std::string> files;  ///< regular files and block devices, sorted; each a path that begins with its folder
  std::vector<Error> unreadable;   ///< folders that could not be read
};

/// All files in `folders` and in the folders below. Links to files count as files, links to folders are followed only
/// where `folders` names them, so that the walk ends. Errors: those of opening one of `folders` itself.
[[nodiscard]] Result<FilesFound> files_in(const std::vector<std::string>& folders);

}  // namespace qchain
