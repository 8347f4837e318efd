#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <thread>

namespace qchain::fusefs {

/// Waits in a thread of its own, with all signals blocked, until the mount at `mountpoint` answers a request. Sets
/// the kernel's read-ahead for it then to `read_ahead` bytes, where we may, and calls `on_ready`. Does neither when the
/// mount ends before. The thread ends by itself once the mount answers or is gone.
[[nodiscard]] std::jthread watch_readiness(std::string mountpoint, std::uint32_t read_ahead,
                                           std::function<void()> on_ready);

}  // namespace qchain::fusefs
