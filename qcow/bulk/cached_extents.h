#pragma once

#include "qcow/chain/view.h"

namespace qchain {

/// Takes out of `extents` the data, of this view, that lie in files of which the page cache has nearly all that is
/// wanted. Asks once: what is read through the cache is read ahead, and would make the next piece look as if it had
/// been there. None where the system does not tell.
[[nodiscard]] Extents take_cached(const View& view, Extents& extents);

}  // namespace qchain
