#pragma once

#include "qcow/storage/gate.h"
#include "qcow/storage/unique_fd.h"

/// Inside of the storage room: what all gates to local files do.
namespace qchain {

enum class AccessMode : std::uint8_t { read, read_write };

/// Opens in two steps: O_PATH touches the name only (no FIFO blocks, no driver is called), then what was judged, and
/// nothing that was put in its place meanwhile, is opened through /proc. What a header names is never reached through
/// the links of /proc (openat2, where the kernel has it). Errors: those of Gate::open().
[[nodiscard]] Result<UniqueFd> open_judged(const OpenRequest& request, AccessMode mode, const AllowedFolders& allowed);

/// Says which image names the file, so that the user knows where to repair it.
[[nodiscard]] Error&& with_origin(Error&& error, const OpenRequest& request);

}  // namespace qchain
