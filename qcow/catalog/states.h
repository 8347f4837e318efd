#pragma once

#include "qcow/catalog/catalog.h"

/// Inside of the catalog room.
namespace qchain {

/// Derives the states of what is neither missing nor unreadable from what lies under it, and lists overlays.
void settle_states(Catalog& catalog);

}  // namespace qchain
