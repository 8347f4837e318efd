#include "live/live_commit.h"

#include "live/begin.h"
#include "live/disk_chain.h"
#include "live/engine.h"
#include "live/failure.h"
#include "live/leftovers.h"
#include "live/merge.h"
#include "live/pivot.h"
#include "live/places.h"
#include "qcow/commit/temporaries.h"
#include "qcow/commit/unfinished.h"

namespace qchain::live {
namespace {

class LiveRun {
 public:
  LiveRun(const LiveRequest& request, const LiveSurroundings& around, const Disk& disk)
      : context_{.request = request, .around = around, .disk_name = disk.name, .store = nullptr, .report = {}} {}

  Result<LiveReport> run(const Disk& disk) {
    if (auto finished = QC_TRY(find_finished(context_.request, disk, context_.around))) {
      take(*std::move(finished));
      context_.report.was_finished = true;
      QC_TRY(take_away(context_));  // it may have been cut off just before
      return report();
    }
    auto unfinished = QC_TRY(find_unfinished(context_.request, disk, context_.around));
    const bool is_begun = unfinished.has_value();
    if (unfinished) {
      take(*std::move(unfinished));
    }
    if (!is_begun || QC_TRY(is_to_begin_anew(disk))) {
      QC_TRY(refuse_foreign_job(disk));
      return begin(disk);
    }
    QC_TRY(go_on());
    return report();
  }

  /// No error may leave out that the guest is on an overlay of ours.
  Error explained(Error error) {
    const auto& live = context_.record().live;
    if (!live || !live->overlay) {
      return error;
    }
    const auto disk = context_.disk();
    const bool is_off_it = disk && !has_layer(*disk, live->overlay->identity);
    return is_off_it ? error : with_place_of_guest(std::move(error), context_.record());
  }

 private:
  /// A commit that the machine refuses to begin leaves no record that would be in the way of others.
  Result<LiveReport> begin(const Disk& disk) {
    QC_TRY(begin_record(context_, disk));
    const auto done = go_on();
    if (done) {
      return report();
    }
    const bool is_known = done.error().kind != ErrorKind::io;  // else it may go on in the machine all the same
    const bool is_needed = context_.earlier && is_unfinished(*context_.earlier);  // the base may be written in part
    if (is_known && !context_.has_begun && !is_needed && forget_what_was_made()) {
      QC_TRY(context_.earlier ? context_.store->save(*context_.earlier) : context_.store->remove());
    }
    return std::unexpected(done.error());
  }

  void take(FoundRecord found) {
    context_.store = context_.around.records(found.anchor);
    context_.report.anchor = std::move(found.anchor);
    context_.record() = std::move(found.record);
  }

  /// Nothing that an earlier run did is of use any more: no job, no overlay of ours in the chain, no switch.
  Result<bool> is_to_begin_anew(const Disk& disk) {
    const CommitRecord& record = context_.record();
    if (record.live->step != LiveStep::merging || !is_unfinished(record)) {
      return false;
    }
    if (record.live->engine == LiveEngine::clone && record.state == CommitState::relinking) {
      return false;  // the base has its new content: only the switch is left
    }
    if (record.live->overlay && has_layer(disk, record.live->overlay->identity)) {
      return false;
    }
    const auto job = QC_TRY(context_.machine().job(context_.machine().handle_of(disk)));
    const auto places = places_of(record, disk);
    if (job || (places && places->switched)) {
      return false;
    }
    QC_TRY(forget_what_was_made());
    return true;
  }

  /// Made by a run that was cut off before it was used.
  Result<void> forget_what_was_made() {
    LiveCommit& live = *context_.record().live;
    if (live.overlay) {
      QC_TRY(expect_unused_overlay(context_.record()));
      close_files(context_, {live.overlay->path});
      live.temporaries.push_back(*live.overlay);
      live.overlay.reset();
    }
    return remove_temporaries(context_.record(), *context_.store);
  }

  /// A job of our name that no record tells of.
  Result<void> refuse_foreign_job(const Disk& disk) {
    const auto job = QC_TRY(context_.machine().job(context_.machine().handle_of(disk)));
    if (!job) {
      return {};
    }
    if (job->is_over()) {
      return context_.machine().dismiss(job->job);
    }
    return std::unexpected(make_error(ErrorKind::locked, "a commit that no record tells of runs on it")
                               .in(disk.name)
                               .advise("cancel it (QMP: job-cancel " + job->job + "), then run the command again"));
  }

  Result<void> go_on() {
    const auto& overlay = context_.record().live->overlay;
    if (overlay && context_.request.ending != Ending::pivot) {
      return std::unexpected(make_error(ErrorKind::refused, "the commit was begun with --pivot")
                                 .in(context_.record().base.path)
                                 .advise("end it so: --active --pivot"));
    }
    switch (context_.request.ending) {
      case Ending::below_active:
        return merge_below(context_);
      case Ending::keep_overlay:
        return copy_and_keep(context_);
      case Ending::pivot:
        return merge_and_pivot();
    }
    return {};
  }

  Result<void> merge_and_pivot() {
    CommitRecord& record = context_.record();
    const Disk disk = QC_TRY(context_.disk());
    if (record.live->step == LiveStep::pivoted) {
      context_.report.was_finished = true;
      return take_away(context_);
    }
    QC_TRY(expect_overlay_on_top(record, disk));
    if (!record.live->overlay) {
      QC_TRY(put_overlay_on_top(context_, disk));
    } else if (!record.overlay) {
      QC_TRY(record_merge_below(context_));
    }
    if (record.live->step == LiveStep::merging && is_unfinished(record)) {
      QC_TRY(merge_below(context_));
      if (!context_.report.comparison.same()) {
        return {};
      }
    }
    return pivot_to_base(context_);
  }

  Result<LiveReport> report() {
    context_.report.engine.engine = context_.record().live->engine;
    context_.report.chain = QC_TRY(context_.disk()).layers;
    return std::move(context_.report);
  }

  Context context_;
};

}  // namespace

Result<LivePlan> plan_live(const LiveRequest& request, const LiveSurroundings& around) {
  Disk disk = QC_TRY(find_disk(around.machine, request.disk));
  const Chain chain = QC_TRY(open_disk_chain(disk));
  const Selection selection = QC_TRY(select_for(request, disk, chain));
  CommitPlan plan = QC_TRY(plan_on_disk(request, disk, selection, around));
  EngineDecision engine = QC_TRY(decide_engine(request, around, disk, selection));
  return LivePlan{.disk = std::move(disk), .plan = std::move(plan), .engine = std::move(engine)};
}

Result<LiveReport> commit_live(const LiveRequest& request, const LiveSurroundings& around) {
  const Disk disk = QC_TRY(find_disk(around.machine, request.disk));
  LiveRun run(request, around, disk);
  auto report = run.run(disk);
  return report ? std::move(report) : std::unexpected(run.explained(std::move(report).error()));
}

}  // namespace qchain::live
