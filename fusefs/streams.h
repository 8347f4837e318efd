#pragma once

#include <initializer_list>

namespace qchain::fusefs {

/// Connects these standard streams (0, 1, 2) to /dev/null. Safe between fork and exec.
void to_dev_null(std::initializer_list<int> streams) noexcept;

}  // namespace qchain::fusefs
