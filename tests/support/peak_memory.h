#pragma once

#include <sys/types.h>

#include <cstddef>

namespace qchain::test {

/// Most memory that a process has had resident, in bytes. Throws std::runtime_error where it can't be seen.
[[nodiscard]] std::size_t peak_memory(pid_t process);

}  // namespace qchain::test
