#pragma once

#include "cli/io.h"
#include "cli/options.h"
#include "qcow/core/error.h"
#include "sandbox/sandbox.h"

namespace qchain::cli {

/// Gives up what the rest of a command does not need, now that its files are open. Nothing happens where the user said
/// --no-sandbox, or `io` is not a process's own. Errors: io, with what to do.
[[nodiscard]] Result<sandbox::Protections> confine(const SourceOptions& source, const Io& io,
                                                   const sandbox::Needs& needs);

}  // namespace qchain::cli
