#pragma once

#include <sys/types.h>

#include <functional>

#include "qcow/core/error.h"

namespace qchain::fusefs {

/// To be called once the work is under way; false when nobody waits for it any more.
using OnReady = std::function<bool()>;

/// Runs `work` in a child: its own session, folder /, standard streams at /dev/null (stderr once it is ready). Returns
/// the child's id when `work` has called its OnReady, or the error that it returned before. The child never returns; it
/// exits with 0, or 2 after an error. The calling process must have no other threads.
[[nodiscard]] Result<pid_t> run_in_background(const std::function<Result<void>(const OnReady&)>& work);

}  // namespace qchain::fusefs
