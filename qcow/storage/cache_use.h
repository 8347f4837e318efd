#pragma once

#include <cstdint>

namespace qchain {

/// Whether the page cache takes part in what is read in bulk.
enum class CacheUse : std::uint8_t {
  keep,       ///< it does: the same bytes are wanted again soon
  pass_by,    ///< a file that is in it is taken from it, nothing is added where that can be had: others need it more
  from_disk,  ///< it does not, where that can be had: what the disk would give is asked for
};

}  // namespace qchain
