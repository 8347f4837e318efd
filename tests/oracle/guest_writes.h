#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/seed.h"

namespace qchain::test {

/// What the random writes to one layer must know of it.
struct WriteTarget {
  std::uint64_t size = 0;              ///< guest bytes
  std::uint64_t cluster = 0;           ///< bytes
  std::vector<std::uint64_t> borders;  ///< offsets worth writing near: ends of lower layers, table borders
  bool compressible = true;            ///< false with a data file
  std::string pattern;                 ///< path prefix of the layer's pattern files, NAME.wide and NAME.narrow
};

/// Makes the two pattern files: what is written tells its place, and differs between layers.
void make_patterns(const std::string& prefix, Random& random);

/// `count` commands for qemu-io: write, write -z, write -z -u, write -c, discard, at even and odd places.
[[nodiscard]] std::vector<std::string> random_writes(const WriteTarget& target, std::size_t count, Random& random);

}  // namespace qchain::test
