#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "tests/support/process.h"

namespace qchain::test {

/// A system call with the path of a file among its arguments.
struct InjectedCall {
  long number = 0;
  std::array<std::uint64_t, 6> arguments{};
  std::optional<std::size_t> path_argument;  ///< which of them is to point at `path`
  std::string path;
};

/// Runs a command, and when it has entered its sandbox puts `call` in the place of the next system call of its first
/// thread; then kills it. 0 or the errno of that call, nothing where the command ended without a sandbox. Throws
/// std::system_error where this machine doesn't let processes be traced.
[[nodiscard]] std::optional<int> outcome_in_sandbox_of(const Arguments& argv, const InjectedCall& call);

}  // namespace qchain::test
