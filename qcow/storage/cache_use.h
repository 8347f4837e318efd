#pragma once

#include <cstdint>

namespace qchain {

/// Whether the page cache takes part in what is read in bulk.
enum class CacheUse : std::uint8_t {
  keep,     ///< it does: the same bytes are wanted again soon
  pass_by,  ///< it does not, where that can be had: others need it more, and it costs CPU time
};

}  // namespace qchain
