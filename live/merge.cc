#include "live/merge.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <ranges>

#include "live/disk_chain.h"
#include "qcow/chain/view.h"
#include "qcow/storage/unique_fd.h"

namespace qchain::live {
namespace {

constexpr const char* as_before = "the chain is as before; the same command again starts anew";

class Merge {
 public:
  explicit Merge(Context& context) : context_(context) {}

  Result<void> run() {
    disk_ = QC_TRY(context_.disk());
    JobWatch watch(context_.request, context_.around, context_.machine().handle_of(disk_));
    auto job = QC_TRY(context_.machine().job(watch.handle()));
    if (job && job->is_over()) {  // of a run that was cut off: how it ended, the disk tells
      QC_TRY(context_.machine().dismiss(watch.handle()));
      disk_ = QC_TRY(context_.disk());
      job.reset();
    }
    places_ = QC_TRY(places_of(context_.record(), disk_));
    if (!places_.switched) {
      if (!job) {
        QC_TRY(start());
      }
      auto merged = copy_prove_switch(watch);
      context_.report.guest_stopped |= watch.guest_stopped();
      if (!merged) {
        return std::unexpected(give_up(context_, watch, std::move(merged).error()));
      }
      if (!context_.report.comparison.same()) {
        return {};
      }
    }
    return confirm();
  }

 private:
  Result<void> start() {
    const CommitJob job{.base = places_.base,
                        .top = places_.top,
                        .backing_name = context_.record().backing_name,
                        .bytes_per_second = context_.request.bandwidth};
    static_cast<void>(QC_TRY(context_.machine().start_commit(disk_, job)));
    return {};
  }

  Result<void> copy_prove_switch(JobWatch& watch) {
    JobState state;
    {
      const Stopwatch time(context_.report.times.copy);
      state = QC_TRY(watch.until(Phase::pending));
    }
    if (state.phase == Phase::pending) {
      if (!QC_TRY(prove())) {
        return watch.cancel();
      }
      QC_TRY(note_switching());
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
    if (QC_TRY(prove_in(chain, chain.depth() - 1))) {
      return {};
    }
    return std::unexpected(make_error(ErrorKind::corrupt, "it does not read as the layers that were merged into it")
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
                                 .advise(as_before));
    }
    static_cast<void>(QC_TRY(open_disk_chain(after)));  // the header on disk says the same, format and all
    if (!context_.machine().abilities().holds_before_finalize) {
      QC_TRY(prove_afterwards(after));
    }
    context_.record().state = CommitState::verified;
    QC_TRY(context_.save());
    close_merged(context_);
    return {};
  }

  Context& context_;
  Disk disk_;
  Places places_;
};

bool is_file(const DiskLayer& layer, const RecordedFile& file) {
  return identity_of(layer.file) == file.identity;
}

}  // namespace

Result<Places> places_of(const CommitRecord& record, const Disk& disk) {
  const auto& layers = disk.layers;
  Places places;
  while (places.base + 1 < layers.size() && !is_file(layers[places.base], record.base)) {
    ++places.base;
  }
  places.top = places.base + record.merged.size();
  const auto overlay_is = [&](std::size_t position) {
    return position < layers.size() && (!record.overlay || is_file(layers[position], *record.overlay));
  };
  places.switched = record.overlay && overlay_is(places.base + 1);
  bool as_recorded = places.switched || (overlay_is(places.top + 1) == record.overlay.has_value());
  for (std::size_t i = 0; as_recorded && !places.switched && i < record.merged.size(); ++i) {
    as_recorded = places.base + 1 + i < layers.size() && is_file(layers[places.base + 1 + i], record.merged[i]);
  }
  if (!as_recorded || !is_file(layers[places.base], record.base)) {
    return std::unexpected(make_error(ErrorKind::refused, "its chain is not the one that a commit was begun on")
                               .in(disk.name)
                               .advise(fmt::format("finish that commit first, with the guest shut down: qchain commit "
                                                   "--base '{}' --top '{}' '{}'",
                                                   record.base.path, record.merged.back().path, disk.active().file)));
  }
  return places;
}

Result<void> make_durable(Machine& machine, const DiskLayer& layer) {
  QC_TRY(machine.flush(layer));
  // With cache=unsafe the machine's flush does nothing.
  const UniqueFd fd(::open(layer.file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid() || ::fdatasync(fd.get()) != 0) {
    return fail_errno(errno, "cannot write to stable storage", layer.file);
  }
  return {};
}

Error job_failed(const Context& context, const JobState& state) {
  const bool is_full = state.reason.contains("No space left");
  const std::string what = state.phase == Phase::cancelled ? "the commit was cancelled by somebody else"
                                                           : "the commit failed: " + state.reason;
  return make_error(is_full ? ErrorKind::no_space : ErrorKind::io, what)
      .in(context.report.record.base.path)
      .advise(is_full ? "make room and run the same command again; guest and chain are unharmed" : as_before);
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
  return std::move(error).advise(std::string("cancelled; ") + as_before);
}

void close_files(const Context& context, const std::vector<std::string>& files) {
  if (const auto closed = context.machine().close(files); !closed) {
    context.around.say("the merged layers stay open: " + describe(closed.error()));
  }
}

void close_merged(const Context& context) {
  std::vector<std::string> files;
  for (const RecordedFile& file : context.report.record.merged | std::views::reverse) {
    files.push_back(file.path);
  }
  close_files(context, files);
}

Result<void> merge_below(Context& context) {
  return Merge(context).run();
}

}  // namespace qchain::live
