#pragma once

#include <cstdint>

#include "tests/oracle/random_chain.h"

namespace qchain::test {

/// Compares every top and some random slices of the chain with QEMU. Throws Mismatch.
void check_chain(const MadeChain& chain, std::uint64_t seed);

}  // namespace qchain::test
