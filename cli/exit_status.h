#pragma once

#include "qcow/core/error.h"

namespace qchain::cli {

/// What the process says to its caller. Stable: scripts rely on it.
enum class ExitStatus : int {
  done = 0,          ///< done, or the same
  negative = 1,      ///< the honest negative answer: differs, damage found
  failed = 2,        ///< an error, with one line on stderr
  interrupted = 130  ///< stopped by SIGINT or SIGTERM at a safe point
};

/// The one place where an error becomes an exit status.
[[nodiscard]] ExitStatus exit_status_of(ErrorKind kind) noexcept;

}  // namespace qchain::cli
