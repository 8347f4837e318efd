#pragma once

#include <string>

#include "tests/oracle/random_chain.h"

namespace qchain::test {

/// A copy of the layers base..top in `folder`, cut with qemu-img rebase so that nothing lies under base: what QEMU
/// reads of it is the slice's view. Returns the copied top's path.
[[nodiscard]] std::string copy_slice(const MadeChain& chain, std::size_t base, std::size_t top,
                                     const std::string& folder);

}  // namespace qchain::test
