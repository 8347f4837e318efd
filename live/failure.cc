#include "live/failure.h"

#include <fmt/format.h>

#include <cerrno>

namespace qchain::live {

Error job_failed(const Context& context, const JobState& state) {
  const bool is_full = state.reason.contains("No space left");
  const std::string what = state.phase == Phase::cancelled ? "the commit was cancelled by somebody else"
                                                           : "the commit failed: " + state.reason;
  return make_error(is_full ? ErrorKind::no_space : ErrorKind::io, what)
      .in(context.report.record.base.path)
      .advise((is_full ? "make room and run the same command again; " : "") + state_of_chain(context.report.record));
}

Error give_up(const Context& context, JobWatch& watch, Error error) {
  const auto job = context.machine().job(watch.handle());
  if (!job) {
    return std::move(error).advise("the machine does not answer; its job may go on: run the same command again");
  }
  if (!*job) {
    return error;
  }
  const bool is_late = error.os_error == ETIMEDOUT;
  if (is_late && context.request.at_timeout == AtTimeout::report) {
    return std::move(error).advise("the job goes on; the same command again goes on with it");
  }
  if (const auto cancelled = watch.cancel(); !cancelled) {
    return std::move(error).advise("it could not be cancelled: " + describe(cancelled.error()));
  }
  return std::move(error).advise("cancelled; " + state_of_chain(context.report.record));
}

Error with_place_of_guest(Error error, const CommitRecord& record) {
  const bool is_elsewhere = record.live && record.live->overlay;
  if (is_elsewhere && !error.advice.contains(record.live->overlay->path)) {
    error.advice += (error.advice.empty() ? "" : "; ") + state_of_chain(record);
  }
  return error;
}

std::string state_of_chain(const CommitRecord& record) {
  if (record.live && record.live->overlay) {
    return fmt::format(
        "the guest goes on in '{}', over the chain as it was: start it on that; the same command goes on",
        record.live->overlay->path);
  }
  return record.live && record.live->engine == LiveEngine::clone && record.state >= CommitState::relinking
             ? "the base is whole, and the guest reads the same; the same command again ends it"
             : "the chain is as before; the same command again starts anew";
}

std::string offline_command(const CommitRecord& record, const std::string& active) {
  return fmt::format("qchain commit --base '{}' --top '{}' '{}'", record.base.path, record.merged.back().path, active);
}

}  // namespace qchain::live
