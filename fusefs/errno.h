#pragma once

#include <expected>
#include <system_error>

#include "qcow/core/error.h"

namespace qchain::fusefs {

/// Answer to a request of the kernel: a value, or the errno it is told.
template <typename T>
using Reply = std::expected<T, std::errc>;

[[nodiscard]] inline std::unexpected<std::errc> refuse(std::errc reason) {
  return std::unexpected(reason);
}

/// The one place that says which errno a reader of the mount sees for an error of the engine.
[[nodiscard]] std::errc errno_of(const Error& error) noexcept;

}  // namespace qchain::fusefs
