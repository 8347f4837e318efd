#pragma once

#include "sandbox/sandbox.h"

/// Inside of the sandbox: which system calls are answered.
namespace qchain::sandbox {

/// Refuses all system calls but those that `needs` calls for, with EPERM. False where the kernel has no seccomp
/// filters. `others`: what is in force already; a file may be opened only where Landlock says which. Errors: io.
[[nodiscard]] Result<bool> confine_system_calls(const Needs& needs, const Protections& others);

}  // namespace qchain::sandbox
