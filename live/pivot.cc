#include "live/pivot.h"

#include <fmt/format.h>

#include "live/begin.h"
#include "live/disk_chain.h"
#include "live/failure.h"
#include "live/job_watch.h"
#include "live/leftovers.h"
#include "live/overlay_file.h"
#include "qcow/chain/reference.h"
#include "qcow/commit/temporaries.h"

namespace qchain::live {
namespace {

/// Starts, or takes up, the commit of the active image, and waits until base and guest are in step.
Result<JobState> reach_step(Context& context, const Disk& disk, JobWatch& watch, std::size_t base) {
  const Stopwatch time(context.report.times.copy);
  if (!QC_TRY(context.machine().job(watch.handle()))) {
    QC_TRY(context.machine().start_commit(disk, {.base = base,
                                                 .top = disk.layers.size() - 1,
                                                 .backing_name = {},
                                                 .bytes_per_second = context.request.bandwidth}));
    context.has_begun = true;
  }
  JobState state = QC_TRY(watch.until(Phase::ready));
  if (state.phase == Phase::ready) {
    context.around.say("Now in synchronized phase");
  }
  return state;
}

enum class FromReady : std::uint8_t { pivot, leave };

Result<void> commit_active(Context& context, const Disk& disk, JobWatch& watch, std::size_t base, FromReady then) {
  JobState state = QC_TRY(reach_step(context, disk, watch, base));
  if (state.phase == Phase::ready) {
    const Stopwatch time(context.report.times.switching);
    QC_TRY(then == FromReady::pivot ? context.machine().pivot(watch.handle())
                                    : context.machine().leave(watch.handle()));
    state = QC_TRY(watch.until(Phase::completed));
  }
  QC_TRY(context.machine().dismiss(watch.handle()));
  return state.phase == Phase::completed ? Result<void>{} : std::unexpected(job_failed(context, state));
}

/// The job of an earlier run, if it is over: how it ended, the disk tells.
Result<void> dismiss_what_is_over(Context& context, const std::string& handle) {
  const auto job = QC_TRY(context.machine().job(handle));
  return job && job->is_over() ? context.machine().dismiss(handle) : Result<void>{};
}

std::size_t base_position(const CommitRecord& record, const Disk& disk) {
  std::size_t position = 0;
  while (position + 1 < disk.layers.size() && identity_of(disk.layers[position].file) != record.base.identity) {
    ++position;
  }
  return position;
}

bool is_in_base(const CommitRecord& record, const Disk& disk) {
  return identity_of(disk.active().file) == record.base.identity;
}

/// The only copy of what the guest has written since.
std::unexpected<Error> overlay_is_needed(const CommitRecord& record, std::string_view why) {
  const std::string& overlay = record.live->overlay->path;
  return std::unexpected(
      make_error(ErrorKind::refused, why)
          .in(overlay)
          .advise("start the guest on it and run the same command; or end the commit with the guest shut down: " +
                  offline_command(record, overlay)));
}

Result<void> run_active(Context& context, const Disk& disk, FromReady then) {
  JobWatch watch(context.request, context.around, context.machine().handle_of(disk));
  auto done = commit_active(context, disk, watch, base_position(context.record(), disk), then);
  context.report.guest_stopped |= watch.guest_stopped();
  if (!done) {
    return std::unexpected(give_up(context, watch, std::move(done).error()));
  }
  return {};
}

/// What a job says of itself is no proof: one that is left says the same.
Result<void> prove_pivot(Context& context) {
  const Disk after = QC_TRY(context.disk());
  if (!is_in_base(context.record(), after)) {
    return std::unexpected(
        make_error(ErrorKind::io, fmt::format("the job is over, but the guest goes on in '{}'", after.active().file))
            .in(context.disk_name)
            .advise("nothing was deleted; run the same command again"));
  }
  context.around.say("Successfully pivoted");
  return {};
}

/// Nothing reads through the overlay any more, and all that it holds is in the base.
Result<void> take_overlay_away(Context& context) {
  CommitRecord& record = context.record();
  record.live->step = LiveStep::pivoted;
  record.live->temporaries.push_back(*record.overlay);
  record.overlay.reset();
  record.live->overlay.reset();
  record.backing_name.clear();
  QC_TRY(context.save());
  return take_away(context);
}

std::string overlay_name(const std::string& active) {
  return active + ".qchain-live";
}

}  // namespace

Result<void> put_overlay_on_top(Context& context, const Disk& disk) {
  const Chain chain = QC_TRY(open_disk_chain(disk));
  const Layer& active = chain.active();
  const std::string path = overlay_name(disk.active().file);
  const auto style = active.backing_reference ? style_of(*active.backing_reference) : ReferenceStyle::absolute;
  const std::string name = QC_TRY(reference_to(active.image->storage(), path, style));
  const auto announce = [&](const RecordedFile& overlay) {
    context.record().live->overlay = overlay;
    return context.save();
  };
  QC_TRY(make_overlay(path, active.image->size(), name, active.image->format(), active.image->storage(), announce));
  QC_TRY(context.machine().snapshot(disk, path));
  context.has_begun = true;
  return record_merge_below(context);
}

Result<void> expect_overlay_on_top(const CommitRecord& record, const Disk& disk) {
  if (!record.live->overlay || is_in_base(record, disk) ||
      identity_of(disk.active().file) == record.live->overlay->identity) {
    return {};
  }
  return overlay_is_needed(record, fmt::format("a commit was begun with the guest on it, and the guest goes on in '{}'",
                                               disk.active().file));
}

Result<void> expect_unused_overlay(const CommitRecord& record) {
  const RecordedFile& overlay = *record.live->overlay;
  const bool is_there = identity_of(overlay.path) == overlay.identity;
  if (is_there && !is_file_as_recorded(overlay)) {
    return overlay_is_needed(record, "holds what a guest has written since a commit was begun");
  }
  return {};
}

Result<void> pivot_to_base(Context& context) {
  const Disk before = QC_TRY(context.disk());
  QC_TRY(expect_overlay_on_top(context.record(), before));
  QC_TRY(dismiss_what_is_over(context, context.machine().handle_of(before)));
  if (!is_in_base(context.record(), before)) {
    context.record().live->step = LiveStep::pivoting;
    QC_TRY(context.save());
    QC_TRY(run_active(context, before, FromReady::pivot));
  }
  QC_TRY(prove_pivot(context));
  return take_overlay_away(context);
}

Result<void> copy_and_keep(Context& context) {
  const Disk disk = QC_TRY(context.disk());
  QC_TRY(dismiss_what_is_over(context, context.machine().handle_of(disk)));
  return run_active(context, disk, FromReady::leave);
}

}  // namespace qchain::live
