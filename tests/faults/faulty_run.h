#pragma once

#include <optional>
#include <string>

#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace qchain::test {

/// One fault, or a disk that is odd all the time: see faulty_calls.cc.
struct Fault {
  std::optional<unsigned> at;  ///< number of the call that fails
  int error = 0;
  std::string always;                  ///< "short", "interrupted", "slow"
  std::optional<unsigned> clone = {};  ///< number of the sharing of blocks that fails
};

/// The words before a command that give it such a disk; `report` is the file that is told what failed.
[[nodiscard]] Arguments with_fault(const Fault& fault, const std::string& report);

/// What `report` was told, and forgets it: the call that failed, or nothing where none did.
[[nodiscard]] std::string take_report(const std::string& report);

/// A small chain of all that a reader asks a disk for: a raw base with a hole, an overlay with data, zeros and
/// compressed clusters. The active image's path.
[[nodiscard]] std::string make_chain(const TempDir& dir);

}  // namespace qchain::test
