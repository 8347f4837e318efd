#pragma once

#include <string>

#include "qcow/chain/chain.h"

namespace qchain {

/// Whether a new file may take the name at all: it leads, by no link either, to a file that a layer of the chain lies
/// in (also one outside the slice that is read). Errors: refused, invalid_argument (a NUL byte).
[[nodiscard]] Result<void> check_output_name(const std::string& path, const Chain& chain);

}  // namespace qchain
