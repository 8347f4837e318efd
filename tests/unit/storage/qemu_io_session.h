#pragma once

#include <sys/types.h>

#include "qcow/storage/unique_fd.h"
#include "tests/support/process.h"

namespace qchain::test {

/// A running qemu-io that keeps an image open. The image is open, and locked, once the constructor returns; the end of
/// the object ends the process. Throws where qemu-io can't open the image.
class QemuIoSession {
 public:
  /// `arguments` without the program's name.
  explicit QemuIoSession(Arguments arguments);
  ~QemuIoSession();
  QemuIoSession(const QemuIoSession&) = delete;
  QemuIoSession& operator=(const QemuIoSession&) = delete;

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }

 private:
  UniqueFd input_;
  UniqueFd output_;
  pid_t pid_ = -1;
};

}  // namespace qchain::test
