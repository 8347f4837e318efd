#pragma once

#include "live/context.h"
#include "live/job_watch.h"

/// Inside of the live room: the machine's own commit of what lies below the active image, proved before the switch.
namespace qchain::live {

/// Where the layers of a record are in a disk.
struct Places {
  std::size_t base = 0;   ///< position
  std::size_t top = 0;    ///< position; not used when switched
  bool switched = false;  ///< the overlay lies on the base
  bool inserted = false;  ///< engine clone: the overlay lies on an empty image, and that on the new base
};

/// By the files. Errors: refused (the disk is neither as before the commit nor as after it).
[[nodiscard]] Result<Places> places_of(const CommitRecord& record, const Disk& disk);

/// Merges what the record says, whose overlay is the image above: begins the job, or takes up one that is there; when
/// all is in the base, flushes it and compares it with the layers, while the guest runs; then lets the machine switch,
/// and makes sure that it has. The record is `verified` then. Where the comparison finds a difference the job is
/// cancelled: the report has it. Errors: those of commit_live(); the chain is as before, or a job still runs, as the
/// error says.
[[nodiscard]] Result<void> merge_below(Context& context);

/// What to say after an error while a job was running: cancels it, unless the user wants it left.
[[nodiscard]] Error give_up(const Context& context, JobWatch& watch, Error error);

/// A job that is over, without having done what it was for.
[[nodiscard]] Error job_failed(const Context& context, const JobState& state);

/// Everything that was written to the layer is on stable storage, by whatever way the machine writes.
[[nodiscard]] Result<void> make_durable(Machine& machine, const DiskLayer& layer);

/// What to say of the chain when a commit that had not come to its end was given up.
[[nodiscard]] std::string state_of_chain(const CommitRecord& record);

/// Closes images that the disk does not read through any more, top first. They are of no use, so an error is said and
/// no more.
void close_files(const Context& context, const std::vector<std::string>& files);
/// Those that the record says are merged, and what the commit had opened for itself.
void close_merged(const Context& context);

}  // namespace qchain::live
