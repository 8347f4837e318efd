#pragma once

#include <string>

#include "qcow/core/error.h"
#include "qcow/storage/unique_fd.h"

namespace qchain::fusefs {

/// While it lives, what is written to file descriptor 2 is kept instead of shown: libfuse and its helper fusermount3
/// can say why a mount failed in no other way, and a user is to get one line. Not for use beside other threads.
class StderrCapture {
 public:
  [[nodiscard]] static Result<StderrCapture> start();
  StderrCapture(StderrCapture&&) noexcept = default;
  StderrCapture& operator=(StderrCapture&&) = delete;
  ~StderrCapture();

  /// What was written so far, as one line, at most 1,000 bytes.
  [[nodiscard]] std::string text() const;

 private:
  StderrCapture(UniqueFd original, UniqueFd kept) noexcept : original_(std::move(original)), kept_(std::move(kept)) {}

  UniqueFd original_;
  UniqueFd kept_;
};

}  // namespace qchain::fusefs
