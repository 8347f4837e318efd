#pragma once

#include <cstddef>

#include "qcow/core/bytes.h"

namespace qchain::fusefs {

/// The largest reply to a read, in bytes: what the kernel asks for at most (256 pages).
inline constexpr std::size_t max_reply = std::size_t{1} << 20;

/// The calling thread's own page-aligned buffer of max_reply bytes, made on first use and freed when the thread ends.
[[nodiscard]] MutableBytes thread_buffer();

}  // namespace qchain::fusefs
