#pragma once

#include <string>
#include <utility>

#include "cli/svg.h"
#include "qcow/core/error.h"
#include "qcow/storage/unique_fd.h"

namespace qchain::cli {

/// The file that a picture is drawn into. Only a new file or an earlier drawing is written over: a slip on the command
/// line must not cost an image.
class PictureFile {
 public:
  /// Empties an earlier drawing. Errors: refused, and those of the system.
  [[nodiscard]] static Result<PictureFile> open(const std::string& path);

  /// Errors: those of the system.
  [[nodiscard]] Result<void> write(const Picture& picture) const;

 private:
  PictureFile(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  UniqueFd fd_;
  std::string path_;
};

}  // namespace qchain::cli
