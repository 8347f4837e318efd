#pragma once

#include <string>

#include "live/qmp/client.h"

namespace qchain::live::qmp {

/// What QEMU says against a command, in words that tell the user what to do; in its own where they are not known.
/// `machine`: its name.
[[nodiscard]] Error in_users_words(const Refusal& refusal, const std::string& machine);

/// Whether it says that there is no such job, node or device.
[[nodiscard]] bool is_missing(const Refusal& refusal) noexcept;

/// Whether it says that something still reads through a node.
[[nodiscard]] bool is_in_use(const Refusal& refusal) noexcept;

}  // namespace qchain::live::qmp
