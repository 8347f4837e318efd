#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "qcow/storage/lock_holder.h"

namespace qchain::cli {

/// "open for writing by pid 4711 (qemu-system-x86)"
[[nodiscard]] std::string holder_text(const LockHolder& holder);

/// The same as an object: pid, command, access.
[[nodiscard]] nlohmann::ordered_json holder_json(const LockHolder& holder);

}  // namespace qchain::cli
