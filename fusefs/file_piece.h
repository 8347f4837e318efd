#pragma once

#include <cstddef>
#include <cstdint>

namespace qchain::fusefs {

/// Bytes as they are stored in a layer's file.
struct FilePiece {
  int descriptor = -1;  ///< the storage's own
  std::uint64_t offset = 0;
  std::size_t length = 0;
};

}  // namespace qchain::fusefs
