#include "live/clone.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdio>

#include "live/disk_chain.h"
#include "live/engine.h"
#include "live/failure.h"
#include "live/overlay_file.h"
#include "qcow/commit/keep_base.h"
#include "qcow/commit/mover.h"
#include "qcow/commit/raw_base.h"
#include "qcow/commit/temporaries.h"
#include "qcow/storage/output_file.h"
#include "qcow/storage/writing_gate.h"

namespace qchain::live {
namespace {

class NewBase {
 public:
  NewBase(Context& context, const Chain& chain, const Places& places)
      : context_(context), chain_(chain), places_(places), base_(chain.layer(places.base)) {}

  Result<void> run() {
    {
      const Stopwatch time(context_.report.times.copy);
      QC_TRY(share_base());
      QC_TRY(open());
      QC_TRY(merge());
    }
    QC_TRY(compare_with_top());
    if (!context_.report.comparison.same()) {
      return remove_temporaries(context_.record(), *context_.store);
    }
    const Stopwatch time(context_.report.times.switching);
    return take_name();
  }

 private:
  /// The record names the file before it is there: a run that is cut off leaves none that nobody knows of.
  Result<void> share_base() {
    QC_TRY(remove_temporaries(context_.record(), *context_.store));
    const KeepPlan plan{.file = new_base_name(context_.record().base.path), .by = KeptBy::sharing};
    const KeepSteps steps{.announce =
                              [this](const KeptBase& made) {
                                context_.record().live->new_base = made.file;
                                return context_.save();
                              },
                          .progress = {},
                          .stop = context_.around.stop};
    path_ = QC_TRY(keep_base(base_.image->storage(), plan, steps)).file.path;
    return {};
  }

  /// With QEMU's locks for writing: nobody else opens it before it is proved.
  Result<void> open() {
    gate_.will_write(context_.record().live->new_base->identity);
    new_base_ = QC_TRY(Chain::open(path_, gate_, {.format = ImageFormat::raw}));
    return {};
  }

  Result<void> merge() {
    RawBase writer(gate_.writable(context_.record().live->new_base->identity));
    const View above({.chain = chain_, .base = places_.base + 1, .top = places_.top}, ViewCaches{});
    if (above.size() > writer.size()) {
      QC_TRY(writer.grow(above.size()));
    }
    MoveOptions options;
    options.bandwidth = context_.request.bandwidth;
    options.stop = context_.around.stop;
    const CommitTotals& all = context_.record().forecast;
    options.progress = [this, total = all.copied + all.cloned + all.zeroed](std::uint64_t done) {
      context_.around.progress(done, total);
    };
    options.checkpoint = [](std::uint64_t) -> Result<void> { return {}; };  // a run that is cut off begins anew
    context_.record().outcome = QC_TRY(execute_moves(above, writer, options)).totals;
    return writer.flush();  // the base's name must never lead to what a power cut takes back
  }

  /// All of it, through the base as it was: what is not merged must be as it was, too. The layers are frozen, and
  /// nobody writes to the base.
  Result<void> compare_with_top() {
    const Stopwatch time(context_.report.times.verify);
    // Opened anew, as it has grown.
    FileGate gate(Locking::none);
    const Chain written = QC_TRY(Chain::open(path_, gate, {.format = ImageFormat::raw}));
    const View top({.chain = chain_, .base = 0, .top = places_.top}, ViewCaches{});
    const View base({.chain = written, .base = 0, .top = 0}, ViewCaches{});
    CompareOptions options;
    options.length = top.size();  // a base longer than the view keeps its tail
    options.threads = 1;          // the guest has work to do, and nobody waits for this
    options.progress = context_.around.verify_progress;
    options.stop = context_.around.stop;
    context_.report.comparison = QC_TRY(compare(top, base, options));
    return {};
  }

  Result<void> take_name() {
    CommitRecord& record = context_.record();
    struct stat now{};
    struct stat made{};
    if (::lstat(record.base.path.c_str(), &now) != 0 ||
        FileIdentity{.device = now.st_dev, .inode = now.st_ino} != record.base.identity || now.st_nlink != 1) {
      return std::unexpected(make_error(ErrorKind::refused, "was replaced or linked meanwhile").in(record.base.path));
    }
    if (::lstat(path_.c_str(), &made) != 0 || made.st_uid != now.st_uid || made.st_gid != now.st_gid ||
        made.st_mode != now.st_mode) {  // QEMU might not open it, and the guest not start again
      return std::unexpected(
          make_error(ErrorKind::refused, "has not got the owner and mode of the base that it is to replace").in(path_));
    }
    if (::rename(path_.c_str(), record.base.path.c_str()) != 0) {
      return fail_errno(errno, "cannot take the base's name", path_);
    }
    context_.has_begun = true;
    QC_TRY(adopt_new_base(record));
    return context_.save();
  }

  Context& context_;
  const Chain& chain_;
  const Places& places_;
  const Layer& base_;
  std::string path_;
  FileWritingGate gate_;
  std::optional<Chain> new_base_;  ///< open, and locked
};

}  // namespace

Result<void> replace_base(Context& context, const Disk& disk, const Places& places) {
  const Chain chain = QC_TRY(open_disk_chain(disk));
  auto replaced = NewBase(context, chain, places).run();
  if (replaced) {
    return {};
  }
  Error error = std::move(replaced).error();
  if (context.record().live->new_base) {
    if (const auto removed = remove_temporaries(context.record(), *context.store); !removed) {
      context.around.say(describe(removed.error()));
    }
  }
  return std::unexpected(std::move(error).in(context.record().base.path).advise(state_of_chain(context.record())));
}

Result<void> insert_new_base(Context& context, const Disk& disk, const Places& places) {
  CommitRecord& record = context.record();
  QC_TRY(remove_temporaries(record, *context.store));  // an empty image that an earlier run has made and not used
  FileGate gate(Locking::none);
  const Chain base = QC_TRY(Chain::open(record.base.path, gate, {.format = record.base_format}));
  const std::string path = empty_image_name(record.base.path);
  const auto announce = [&](const RecordedFile& empty) {
    record.live->temporaries.push_back(empty);
    return context.save();
  };
  QC_TRY(make_overlay(path, base.active().image->size(), {}, record.base_format, base.active().image->storage(),
                      announce));
  return context.machine().switch_backing(disk, {.base = places.base, .above = places.top + 1, .empty = path});
}

}  // namespace qchain::live
