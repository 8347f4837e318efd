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

/// The error, with the file that the guest goes on in, if that is an overlay of the commit's own: whoever starts the
/// guest on another one loses what it has written.
[[nodiscard]] Error with_place_of_guest(Error error, const CommitRecord& record);

/// What to say of the chain when a commit that had not come to its end was given up.
[[nodiscard]] std::string state_of_chain(const CommitRecord& record);

/// What ends the commit with the guest shut down. `active`: the image on which the guest is to go on.
[[nodiscard]] std::string offline_command(const CommitRecord& record, const std::string& active);

}  // namespace qchain::live
