#pragma once

#include "qcow/chain/view.h"

namespace qchain {

/// Takes out of `extents`, of this view, the data that the page cache has: of files of which it has nearly all that is
/// wanted, as others are read in large pieces, whatever is there of them. Asks once: what is read through the cache is
/// read ahead, and would make the next piece look as if it had been there. None where the system does not tell.
/// Memory: twice that of `extents` until it returns.
[[nodiscard]] Extents take_cached(const View& view, Extents& extents);

}  // namespace qchain
