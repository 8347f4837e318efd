#pragma once

#include <span>
#include <vector>

#include "qcow/storage/writable_file.h"

namespace qchain {

/// What continues the piece before, in the file and in memory, becomes one with it: one request in the place of two.
[[nodiscard]] std::vector<WritePiece> joined(std::span<const WritePiece> pieces);

}  // namespace qchain
