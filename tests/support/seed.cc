#include "tests/support/seed.h"

#include <cinttypes>
#include <cstdio>
#include <cstdlib>

namespace qchain::test {

std::uint64_t announced_seed() {
  const char* given = std::getenv("QCHAIN_SEED");
  std::random_device device;
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 0) : device();
  std::printf("seed: QCHAIN_SEED=%" PRIu64 "\n", seed);
  std::fflush(stdout);
  return seed;
}

}  // namespace qchain::test
