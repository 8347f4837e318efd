#pragma once

#include "qcow/chain/chain.h"

namespace qchain::fuzz {

/// Walks and reads the view of a chain, as far as there is time, and holds the engine to what it promises of it.
void read_all(const Chain& chain);

}  // namespace qchain::fuzz
