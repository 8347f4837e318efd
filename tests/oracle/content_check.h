#pragma once

#include "qcow/chain/view.h"
#include "tests/support/seed.h"

namespace qchain::test {

/// Reads the whole view in pieces of random length and order, sometimes by several threads at once, and compares.
/// Throws Mismatch.
void check_content(const View& view, Bytes expected, Random& random);

}  // namespace qchain::test
