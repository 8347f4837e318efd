#pragma once

#include <string>

#include "fusefs/crew.h"
#include "qcow/core/error.h"

struct fuse_session;

namespace qchain::fusefs {

/// Answers a mounted session's requests by `crew` until the mount is taken away, or a signal whose handler ends the
/// session arrives; where one came already, at once. The calling thread waits meanwhile, and has the signals back
/// afterwards. Errors: io, where requests can't be had, or no thread.
[[nodiscard]] Result<void> answer_requests(fuse_session& session, Crew& crew, const std::string& mountpoint);

}  // namespace qchain::fusefs
