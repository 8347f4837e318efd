#pragma once

#include "sandbox/sandbox.h"

/// Inside of the sandbox: which system calls are answered.
namespace qchain::sandbox {

/// Refuses all system calls but those that `needs` calls for, with EPERM. False where the kernel has no seccomp
/// filters. Errors: io.
[[nodiscard]] Result<bool> confine_system_calls(const Needs& needs);

}  // namespace qchain::sandbox
