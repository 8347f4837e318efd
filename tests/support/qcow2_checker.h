#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/bytes_of.h"

namespace qchain::test {

/// What counting all references of a qcow2 image in memory gives; says of small images what qemu-img check says, but
/// thousands of times a second.
struct CheckResult {
  std::vector<std::string> corruptions;
  std::uint64_t leaks = 0;  ///< clusters
};
[[nodiscard]] CheckResult check_qcow2(const ByteVector& image);

}  // namespace qchain::test
