#include "live/qmp/events.h"

#include "live/qmp/json_text.h"

namespace qchain::live::qmp {
namespace {

/// Of a job that is not over. QEMU's words: qapi/job.json.
Phase phase_of(const std::string& status) {
  if (status == "paused") {
    return Phase::paused;
  }
  if (status == "ready") {
    return Phase::ready;
  }
  return status == "pending" ? Phase::pending : Phase::running;
}

/// In query-jobs, a cancelled job is one that failed with this reason.
Phase outcome_of(const std::string& error) {
  if (error.empty()) {
    return Phase::completed;
  }
  return error == "Operation canceled" ? Phase::cancelled : Phase::failed;
}

Event job_event(const Json& data, const char* id, Phase phase) {
  return {.kind = Event::Kind::job,
          .state = {.job = text_of(data, id),
                    .phase = phase,
                    .done = number_of(data, "offset"),
                    .total = number_of(data, "len"),
                    .reason = text_of(data, "error")}};
}

}  // namespace

std::optional<Event> event_in(const Json& message) {
  const std::string name = text_of(message, "event");
  const Json data = message.value("data", Json::object());
  if (!data.is_object()) {
    return std::nullopt;
  }
  if (name == "STOP" || name == "RESUME") {
    return Event{.kind = name == "STOP" ? Event::Kind::stopped : Event::Kind::resumed, .state = {}};
  }
  if (name == "SHUTDOWN") {
    return Event{.kind = Event::Kind::gone, .state = {}};
  }
  if (name == "BLOCK_JOB_READY") {
    return job_event(data, "device", Phase::ready);
  }
  if (name == "BLOCK_JOB_PENDING") {
    return job_event(data, "id", Phase::pending);
  }
  if (name == "BLOCK_JOB_CANCELLED") {
    return job_event(data, "device", Phase::cancelled);
  }
  if (name == "BLOCK_JOB_COMPLETED") {  // also of a job that failed: then with an error
    return job_event(data, "device", data.contains("error") ? Phase::failed : Phase::completed);
  }
  // "concluded" does not say how it ended: BLOCK_JOB_COMPLETED or _CANCELLED came before.
  if (name == "JOB_STATUS_CHANGE" && text_of(data, "status") != "concluded" && text_of(data, "status") != "null") {
    return job_event(data, "id", phase_of(text_of(data, "status")));
  }
  return std::nullopt;
}

std::optional<JobState> job_in(const Json& jobs, const std::string& handle) {
  for (const Json& job : jobs) {
    if (!job.is_object() || text_of(job, "id") != handle) {
      continue;
    }
    const std::string status = text_of(job, "status");
    const std::string error = text_of(job, "error");
    return JobState{.job = handle,
                    .phase = status == "concluded" ? outcome_of(error) : phase_of(status),
                    .done = number_of(job, "current-progress"),
                    .total = number_of(job, "total-progress"),
                    .reason = error};
  }
  return std::nullopt;
}

}  // namespace qchain::live::qmp
