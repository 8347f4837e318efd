#pragma once

#include "qcow/core/error.h"

namespace qchain::live {

/// Loads libvirt, once; before any of its functions is called. Linked to the program, it and the 50 libraries that it
/// needs would be loaded for every command: most of the time that a short one takes, and all of it when they have to be
/// read from the disk. Errors: unsupported (it is not installed, or can't be loaded). Thread-safe.
[[nodiscard]] Result<void> load_libvirt();

}  // namespace qchain::live
