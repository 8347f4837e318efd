#pragma once

#include <memory>
#include <string>

#include "live/machine.h"

namespace qchain::live {

/// The QEMU whose monitor listens at the Unix socket `path`. Errors: not_found, permission, io (nobody listens, or
/// nobody answers in time), unsupported (no QMP).
[[nodiscard]] Result<std::unique_ptr<Machine>> open_qmp(const std::string& path);

}  // namespace qchain::live
