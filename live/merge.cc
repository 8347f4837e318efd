#include "live/merge.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <ranges>

#include "live/clone.h"
#include "live/disk_chain.h"
#include "live/engine.h"
#include "live/failure.h"
#include "live/job_watch.h"
#include "live/places.h"
#include "qcow/chain/view.h"
#include "qcow/commit/temporaries.h"
#include "qcow/storage/unique_fd.h"

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
        if (!QC_TRY(prove())) {
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

  /// All is in the base, nothing is switched, and nobody writes to any of these files until finalize(). The files are
  /// opened anew, as the base may have grown.
  Result<bool> prove() {
    QC_TRY(make_durable(context_.machine(), disk_.layers[places_.base]));
    return prove_in(QC_TRY(open_disk_chain(disk_)), places_.top);
  }

  /// Where the machine could not wait. All is switched already, but the merged layers are there as they were, and no
  /// guest writes to the base.
  Result<void> prove_afterwards(const Disk& after) {
    QC_TRY(make_durable(context_.machine(), after.layers[places_.base]));
    const CommitRecord& record = context_.record();
    FileGate gate(Locking::none);
    const Chain chain = QC_TRY(Chain::open(record.merged.back().path, gate, {.format = ImageFormat::qcow2}));
    const auto proved = prove_in(chain, chain.depth() - 1);
    if (!proved) {
      return std::unexpected(Error(proved.error())
                                 .in(record.base.path)
                                 .advise("the guest reads through it already, and it is not compared with the layers "
                                         "yet: run the same command again, and keep them"));
    }
    if (*proved) {
      return {};
    }
    const Comparison& found = context_.report.comparison;
    return std::unexpected(make_error(ErrorKind::corrupt,
                                      fmt::format("differs from the layers merged into it in {} bytes, the first at {}",
                                                  found.different, found.first_difference->start))
                               .in(record.base.path)
                               .advise("they still hold the truth, delete none of them: shut the guest down and copy "
                                       "what it can't do without from them"));
  }

  Result<bool> prove_in(const Chain& chain, std::size_t top) {
    const Stopwatch time(context_.report.times.verify);
    const ViewCaches caches;
    const View merged({.chain = chain, .base = 0, .top = top}, caches);
    const View base({.chain = chain, .base = 0, .top = places_.base}, caches);
    CompareOptions options;
    options.length = merged.size();  // a base longer than the view keeps its tail
    options.progress = context_.around.verify_progress;
    options.stop = context_.around.stop;
    context_.report.comparison = QC_TRY(compare(merged, base, options));
    return context_.report.comparison.same();
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
      QC_TRY(prove_afterwards(after));
    }
    context_.record().state = CommitState::verified;
    QC_TRY(context_.save());
    return take_away(context_);
  }

  Context& context_;
  Disk disk_;
  Places places_;
};

/// What is merged, and what the commit has made for itself; top first.
std::vector<std::string> files_of_no_use(const CommitRecord& record) {
  std::vector<std::string> files;
  for (const RecordedFile& file : record.live->temporaries | std::views::reverse) {
    files.push_back(file.path);  // of a pivot the overlay
  }
  if (record.live->engine == LiveEngine::clone) {
    files.push_back(empty_image_name(record.base.path));
  }
  for (const RecordedFile& file : record.merged | std::views::reverse) {
    files.push_back(file.path);
  }
  if (record.live->engine == LiveEngine::clone) {
    files.push_back(record.base.path);  // what had the name before; what has it now is in use
  }
  return files;
}

}  // namespace

Result<void> make_durable(Machine& machine, const DiskLayer& layer) {
  const UniqueFd fd(::open(layer.file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  const auto sync = [&]() -> Result<void> {
    return fd.valid() && ::fdatasync(fd.get()) == 0 ? Result<void>{}
                                                    : fail_errno(errno, "cannot write to stable storage", layer.file);
  };
  QC_TRY(
      sync());  // what may take a minute: the guest, and the machine's monitor, would wait for the machine's own flush
  QC_TRY(machine.flush(layer));
  return sync();  // with cache=unsafe the machine's flush does nothing
}

bool close_files(const Context& context, const std::vector<std::string>& files) {
  const auto closed = context.machine().close(files);
  if (!closed) {
    context.around.say("images that are of no use stay open: " + describe(closed.error()));
  }
  return closed.has_value();
}

Result<void> take_away(Context& context) {
  return close_files(context, files_of_no_use(context.record())) ? remove_temporaries(context.record(), *context.store)
                                                                 : Result<void>{};
}

Result<void> merge_below(Context& context) {
  return Merge(context).run();
}

}  // namespace qchain::live
