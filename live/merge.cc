#include "live/merge.h"

#include "live/clone.h"
#include "live/disk_chain.h"
#include "live/engine.h"
#include "live/failure.h"
#include "live/job_watch.h"
#include "live/leftovers.h"
#include "live/places.h"
#include "live/prove.h"
#include "qcow/commit/temporaries.h"

namespace qchain::live {
namespace {

class Merge {
 public:
  explicit Merge(Context& context) : context_(context) {}

  Result<void> run() {
    disk_ = QC_TRY(context_.disk());
    JobWatch watch(context_.request, context_.around, context_.machine().handle_of(disk_));
    const bool has_job = QC_TRY(find_job(watch));
    places_ = QC_TRY(places_of(context_.record(), disk_));
    if (!places_.switched) {
      QC_TRY(has_job ? Result<void>{} : prepare_and_start());
      if (context_.report.comparison.same()) {
        QC_TRY(see_through(watch));
      }
    }
    return context_.report.comparison.same() ? confirm() : Result<void>{};
  }

 private:
  [[nodiscard]] bool is_clone() { return context_.record().live->engine == LiveEngine::clone; }

  /// The guest may have been started in another way since that was decided.
  Result<void> see_whether_clone_can() {
    const auto can = context_.machine().can_switch_backing(disk_, places_.base, places_.top + 1);
    if (can || can.error().kind != ErrorKind::unsupported) {
      return {};  // what is in the way for the moment the switch itself will find
    }
    if (context_.record().state == CommitState::relinking) {
      return std::unexpected(Error(can.error())
                                 .advise("the base is whole; end it with the guest shut down: " +
                                         offline_command(context_.record(), disk_.active().file)));
    }
    if (context_.request.engine == EngineChoice::clone) {
      return std::unexpected(Error(can.error()).advise("--engine=qemu does without"));
    }
    give_up_new_base(*context_.record().live);
    context_.record().live->engine = LiveEngine::qemu;
    context_.report.engine.reason = "not clone: " + describe(can.error());
    QC_TRY(context_.save());
    return remove_temporaries(context_.record(), *context_.store);  // else each write into the base unshared a block
  }

  /// What is left for the machine to merge is an empty image over the new base.
  Result<void> put_new_base_below() {
    if (context_.record().state < CommitState::relinking) {
      QC_TRY(replace_base(context_, disk_, places_));
      if (!context_.report.comparison.same()) {
        return {};
      }
    }
    const Stopwatch time(context_.report.times.switching);
    if (!places_.inserted) {
      QC_TRY(insert_new_base(context_, disk_, places_));
      disk_ = QC_TRY(context_.disk());
      places_ = QC_TRY(places_of(context_.record(), disk_));
    }
    return {};
  }

  /// Whether one is there to be taken up. How one that is over has ended, the disk tells.
  Result<bool> find_job(const JobWatch& watch) {
    const auto job = QC_TRY(context_.machine().job(watch.handle()));
    if (job && job->is_over()) {
      QC_TRY(context_.machine().dismiss(watch.handle()));
      disk_ = QC_TRY(context_.disk());
      return false;
    }
    return job.has_value();
  }

  Result<void> prepare_and_start() {
    if (is_clone() && !places_.inserted) {
      QC_TRY(see_whether_clone_can());
    }
    if (is_clone()) {
      QC_TRY(put_new_base_below());
    }
    return context_.report.comparison.same() ? start() : Result<void>{};
  }

  Result<void> see_through(JobWatch& watch) {
    auto merged = copy_prove_switch(watch);
    context_.report.guest_stopped |= watch.guest_stopped();
    if (!merged) {
      return std::unexpected(give_up(context_, watch, std::move(merged).error()));
    }
    return {};
  }

  Result<void> start() {
    const CommitJob job{.base = places_.base,
                        .top = places_.top,
                        .backing_name = context_.record().backing_name,
                        .bytes_per_second = context_.request.bandwidth};
    static_cast<void>(QC_TRY(context_.machine().start_commit(disk_, job)));
    context_.has_begun = true;
    return {};
  }

  Result<void> copy_prove_switch(JobWatch& watch) {
    JobState state;
    {
      const Stopwatch time(is_clone() ? context_.report.times.switching : context_.report.times.copy);
      state = QC_TRY(watch.until(Phase::pending));
    }
    if (state.phase == Phase::pending) {
      if (!is_clone()) {  // else proved before it got the base's name
        if (!QC_TRY(prove_merged(context_, disk_, places_))) {
          return watch.cancel();
        }
        QC_TRY(note_switching());
      }
      const Stopwatch time(context_.report.times.switching);
      QC_TRY(context_.machine().finalize(watch.handle()));
      state = QC_TRY(watch.until(Phase::completed));
    }
    QC_TRY(context_.machine().dismiss(watch.handle()));
    return state.phase == Phase::completed ? Result<void>{} : std::unexpected(job_failed(context_, state));
  }

  /// From here on the overlay's header may name the base at any moment: an offline commit has to look.
  Result<void> note_switching() {
    context_.record().state = CommitState::relinking;
    context_.record().moved_to = context_.record().view_size;
    return context_.save();
  }

  /// Never by what the job says of itself: a job may be completed and have switched nothing.
  Result<void> confirm() {
    const Disk after = QC_TRY(context_.disk());
    const Places places = QC_TRY(places_of(context_.record(), after));
    if (!places.switched) {
      return std::unexpected(make_error(ErrorKind::io, "the job is over, but the guest still reads through the layers")
                                 .in(context_.disk_name)
                                 .advise(state_of_chain(context_.record())));
    }
    static_cast<void>(QC_TRY(open_disk_chain(after)));  // the header on disk says the same, format and all
    if (!context_.machine().abilities().holds_before_finalize) {
      QC_TRY(prove_switched(context_, after, places_.base));
    }
    context_.record().state = CommitState::verified;
    QC_TRY(context_.save());
    return take_away(context_);
  }

  Context& context_;
  Disk disk_;
  Places places_;
};

}  // namespace

Result<void> merge_below(Context& context) {
  return Merge(context).run();
}

}  // namespace qchain::live
