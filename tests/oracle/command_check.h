#pragma once

#include <string>
#include <vector>

#include "tests/support/bytes_of.h"
#include "tests/support/qemu.h"

namespace qchain::test {

/// What the commands are asked for, and what QEMU says of it.
struct CommandCase {
  std::string image;     ///< active image of the chain
  std::string format;    ///< its format
  std::size_t base = 0;  ///< position in the chain
  std::size_t top = 0;
  Bytes expected;  ///< the slice's bytes
  const std::vector<MapEntry>& map;
};

/// The program itself: qchain map --output=json and qchain copy to raw and to qcow2. Throws Mismatch, or
/// std::runtime_error when a command fails.
void check_commands(const CommandCase& what);

}  // namespace qchain::test
