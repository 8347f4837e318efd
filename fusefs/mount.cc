#include "fusefs/mount.h"

#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "fusefs/cold_files.h"
#include "fusefs/cold_reads.h"
#include "fusefs/daemon.h"
#include "fusefs/mountpoint.h"
#include "fusefs/options.h"
#include "fusefs/partitions.h"
#include "fusefs/session.h"
#include "fusefs/thread_buffer.h"
#include "fusefs/watchdog.h"

namespace qchain::fusefs {
namespace {

/// Bytes of one request. Half of what the kernel would ask for: a reader of a mebibyte at a time makes two requests at
/// once then, for two processors, and a reply fits into a pipe.
constexpr std::uint32_t default_max_read = std::uint32_t{512} << 10;

struct Job {
  Slice slice;
  ViewCaches caches;
  Mountpoint mountpoint;
  MountSettings settings;
  sandbox::Confinement confinement;
};

std::string absolute(const std::string& file) {
  std::error_code error;
  const auto path = std::filesystem::absolute(file, error);
  return error ? file : path.string();
}

MountSettings default_settings(const Slice& slice) {
  MountSettings settings;
  settings.owner = {getuid(), getgid(), 0};
  settings.max_read = default_max_read;
  settings.source = printable(absolute(slice.chain.layer(slice.top).file));
  return settings;
}

// A disk whose partition table can't be read is still worth mounting.
std::vector<Partition> partitions_of(const View& disk, Reporter& reporter) {
  auto found = find_partitions(
      {disk.size(), [&disk](std::uint64_t offset, MutableBytes into) { return disk.read(offset, into); }});
  if (!found) {
    reporter.say("no partitions are shown: " + describe(found.error()));
    return {};
  }
  return *std::move(found);
}

Tree make_tree(Mountpoint::Kind kind, Views& views, Reporter& reporter) {
  if (kind == Mountpoint::Kind::file) {
    return Tree::single_file(views.slice());
  }
  const SharedView disk = views.up_to(views.slice().top);
  return Tree::folder(views.slice(), partitions_of(*disk, reporter));
}

Result<void> run(const Job& job, const Reporter::Sink& sink, const OnReady& on_ready) {
  Reporter reporter(sink);
  Views views(job.slice, job.caches);
  Zeros zeros = QC_TRY(Zeros::of_size(max_reply));
  Crew crew;
  std::optional<FileSystem> files;
  std::unique_ptr<ColdReads> cold_reads = ColdReads::make();
  ColdFiles cold_files = cold_reads ? ColdFiles(*views.up_to(job.slice.top)) : ColdFiles();
  RequestContext context{nullptr, cold_reads.get(), job.settings.caching, job.settings.max_read,
                         job.settings.max_readahead};
  Watchdog watchdog = QC_TRY(Watchdog::start(job.mountpoint.path));
  Session session = QC_TRY(Session::mount(context, job.settings, job.mountpoint.path));
  const auto prepare = [&]() -> Result<void> {
    QC_TRY(sandbox::enter({.duty = sandbox::Duty::serve}, job.confinement));
    context.files = &files.emplace(make_tree(job.mountpoint.kind, views, reporter), views, job.settings.owner, crew,
                                   reporter, std::move(zeros), std::move(cold_files));
    return {};
  };
  const auto ready = [&on_ready] {
    if (!on_ready()) {
      kill(getpid(), SIGTERM);  // who asked for the mount is gone: so is the reason for it
    }
  };
  auto ended = session.run(crew, {prepare, ready, [&cold_reads] { cold_reads.reset(); }});
  if (session.was_unmounted()) {
    watchdog.dismiss();
  }
  return ended;
}

// Once the mount is ready nobody listens to what run() returns.
Result<void> run_quietly(const Job& job, const OnReady& on_ready) {
  const Reporter::Sink log = syslog_sink();
  auto ended = run(job, log, on_ready);
  if (!ended) {
    log(describe(ended.error()));
  }
  return ended;
}

}  // namespace

Result<pid_t> serve(Slice slice, ViewCaches caches, const MountOptions& options) {
  auto mountpoint = QC_TRY(find_mountpoint(options.mountpoint));
  auto settings = QC_TRY(parse_options(options.fuse_options, default_settings(slice)));
  const Job job{std::move(slice), std::move(caches), std::move(mountpoint), std::move(settings), options.confinement};
  if (options.stay == Stay::background) {
    return run_in_background([&job](const OnReady& on_ready) { return run_quietly(job, on_ready); });
  }
  if (auto ended = run(job, stderr_sink(), [] { return true; }); !ended) {
    return std::unexpected(std::move(ended).error());
  }
  return 0;
}

}  // namespace qchain::fusefs
