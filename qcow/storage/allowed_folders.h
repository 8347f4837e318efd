#pragma once

#include <string>
#include <vector>

#include "qcow/core/error.h"
#include "qcow/storage/open_request.h"

namespace qchain {

/// The folders that an image header may name files in (`--allow`). What counts is where a file really is, after all
/// symbolic links: nothing leads out. Immutable; thread-safe.
class AllowedFolders {
 public:
  /// Everything is allowed.
  AllowedFolders() = default;
  /// Only what lies in one of `folders`, or is one of them: a file or a device may be named too. Empty: everything.
  /// Errors: not_found, permission, io.
  [[nodiscard]] static Result<AllowedFolders> only(const std::vector<std::string>& folders);

  /// Whether `request` may have the open file `descriptor`. What the user named is never questioned. Errors: refused.
  [[nodiscard]] Result<void> judge(const OpenRequest& request, int descriptor) const;

 private:
  std::vector<std::string> real_paths_;  ///< absolute, without symbolic links
};

}  // namespace qchain
