#pragma once

#include <string>

#include "live/context.h"
#include "live/job_watch.h"

/// Inside of the live room: what becomes of a job after an error, and what the user is told.
namespace qchain::live {

/// What to say after an error while a job was running: cancels it, unless the user wants it left.
[[nodiscard]] Error give_up(const Context& context, JobWatch& watch, Error error);

/// A job that is over, without having done what it was for.
[[nodiscard]] Error job_failed(const Context& context, const JobState& state);

/// What to say of the chain when a commit that had not come to its end was given up.
[[nodiscard]] std::string state_of_chain(const CommitRecord& record);

}  // namespace qchain::live
