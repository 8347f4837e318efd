#pragma once

#include "sandbox/sandbox.h"

/// Inside of the sandbox: the part of Linux's Landlock. Source: the kernel's Documentation/userspace-api/landlock.rst.
namespace qchain::sandbox {

/// Version of the kernel's interface, from 1 on; 0 where it has none, or was started without.
[[nodiscard]] int landlock_version() noexcept;

/// Denies all access to files by name that `needs` does not name, and what else `version` knows: TCP, signals to and
/// abstract sockets of others. Errors: io.
[[nodiscard]] Result<void> confine_files(const Needs& needs, int version);

}  // namespace qchain::sandbox
