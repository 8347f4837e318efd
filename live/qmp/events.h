#pragma once

#include <optional>

#include "live/qmp/client.h"

namespace qchain::live::qmp {

/// What a QMP event says, if it is of those that matter.
[[nodiscard]] std::optional<Event> event_in(const Json& message);

/// The job of that handle in the answer to query-jobs.
[[nodiscard]] std::optional<JobState> job_in(const Json& jobs, const std::string& handle);

}  // namespace qchain::live::qmp
