#pragma once

#include <optional>
#include <stop_token>

#include "qcow/chain/view.h"
#include "qcow/commit/digest.h"

namespace qchain {

/// What the view of the layers above a base gives, read anew. Errors: io, corrupt, interrupted.
[[nodiscard]] Result<std::optional<MergedContent>> read_content(const View& above, const std::stop_token& stop);

/// Whether the base still reads as what was merged into it: each run's bytes and zeros. Errors: io, corrupt,
/// interrupted.
[[nodiscard]] Result<bool> still_reads_as(const View& base, const MergedContent& content, const std::stop_token& stop);

}  // namespace qchain
