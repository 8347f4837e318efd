#pragma once

#include <string>
#include <vector>

#include "live/context.h"

/// Inside of the live room: what the machine has open, and the commit has made, and nobody needs after it.
namespace qchain::live {

/// Closes images that the disk does not read through any more, top first. They are of no use, so an error is said and
/// no more; whether all are closed.
bool close_files(const Context& context, const std::vector<std::string>& files);

/// Closes those that the record says are merged, and what the commit had opened for itself; then that is deleted. What
/// could not be closed the same command tries once more.
[[nodiscard]] Result<void> take_away(Context& context);

}  // namespace qchain::live
