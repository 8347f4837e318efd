#include "qcow/commit/commit.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "cli/command.h"
#include "cli/commit_report.h"
#include "cli/interrupts.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "qcow/commit/retire.h"
#include "qcow/commit/verify_commit.h"

namespace qchain::cli {
namespace {

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;

/// How far a commit goes beyond the merge itself.
enum class Afterwards : std::uint8_t { nothing, verify, verify_and_retire };

struct CommitCommandOptions {
  SourceOptions source;
  bool shallow = false;
  bool dry_run = false;
  bool verify = false;
  bool retire = false;
  std::uint64_t bandwidth = 0;  ///< MiB a second
  std::vector<std::string> scan;
  std::string bitmaps;
  OutputStyle output = OutputStyle::human;
  ProgressStyle progress = ProgressStyle::automatic;

  [[nodiscard]] Afterwards afterwards() const {
    if (retire) {
      return Afterwards::verify_and_retire;
    }
    return verify ? Afterwards::verify : Afterwards::nothing;
  }
};

CommitRequest request_of(const CommitCommandOptions& options) {
  CommitRequest request;
  request.image = options.source.image;
  request.format = chosen_format(options.source);
  request.layers = {.base = options.source.base, .top = options.source.top, .shallow = options.shallow};
  request.plan = {.scan = options.scan,
                  .bitmaps = options.bitmaps == "drop" ? BitmapChoice::drop : BitmapChoice::refuse};
  request.bandwidth = options.bandwidth * mebibyte;
  return request;
}

std::unique_ptr<RecordStore> records_beside(const std::string& base) {
  return std::make_unique<FileRecordStore>(base);
}

Result<ExitStatus> dry_run(const CommitCommandOptions& options, Io& io) {
  const AllowedFolders allowed = QC_TRY(AllowedFolders::only(options.source.allow));
  FileGate looking(Locking::none, allowed);
  FileWritingGate working(allowed);
  const CommitPlan plan = QC_TRY(
      plan_only(request_of(options),
                {.looking = looking, .working = working, .records = records_beside, .progress = {}, .stop = {}}));
  print_plan(plan, options.output, io.out);
  if (!plan.refusals.empty()) {
    return std::unexpected(plan.refusals.front());
  }
  return ExitStatus::done;
}

Result<CommitReport> merge(const CommitCommandOptions& options, const Interrupts& interrupts, Io& io) {
  const AllowedFolders allowed = QC_TRY(AllowedFolders::only(options.source.allow));
  FileGate looking(Locking::none, allowed);
  FileWritingGate working(allowed);  // its locks end here: verification and retirement take their own
  Progress progress(io, options.progress, "Block Commit");
  auto report = commit(request_of(options),
                       {.looking = looking,
                        .working = working,
                        .records = records_beside,
                        .progress = [&](std::uint64_t done, std::uint64_t total) { progress.update(done, total); },
                        .stop = interrupts.token()});
  if (!report && report.error().kind == ErrorKind::interrupted) {
    return std::unexpected(std::move(report)
                               .error()
                               .in(options.source.image)
                               .advise("it reads as before; run the same command again to go on"));
  }
  return report;
}

Result<ExitStatus> go_on(const CommitCommandOptions& options, const CommitReport& report, const Interrupts& interrupts,
                         Io& io) {
  FileRecordStore records(report.anchor);
  Progress progress(io, options.progress, "Verify");
  CompareOptions how;
  how.progress = [&](std::uint64_t done, std::uint64_t total) { progress.update(done, total); };
  how.stop = interrupts.token();
  if (options.afterwards() == Afterwards::verify_and_retire) {
    const Retirement retirement = QC_TRY(retire(records, how, options.scan));
    print_retirement(retirement, options.output, io.out);
    return ExitStatus::done;
  }
  FileGate gate(Locking::shared_read, QC_TRY(AllowedFolders::only(options.source.allow)));
  const CommitCheck check = QC_TRY(verify_commit(records, gate, how));
  print_check(report.record.base.path, check, options.output, io.out);
  return check.good() ? ExitStatus::done : ExitStatus::negative;
}

Result<ExitStatus> commit_command(const CommitCommandOptions& options, Io& io) {
  if (options.dry_run) {
    return dry_run(options, io);
  }
  const Interrupts interrupts;  // before there are other threads
  const CommitReport report = QC_TRY(merge(options, interrupts, io));
  print_commit(report, options.output, io.out);
  if (options.afterwards() == Afterwards::nothing) {
    return ExitStatus::done;
  }
  return go_on(options, report, interrupts, io);
}

void add_commit_options(CLI::App& app, CommitCommandOptions& options) {
  auto* base = app.add_option("--base", options.source.base, "Layer that is merged into; default: the bottom");
  base->option_text("LAYER");
  app.add_option("--top", options.source.top, "Last layer that is merged; default: IMAGE")->option_text("LAYER");
  app.add_flag("--shallow", options.shallow, "Merge into the layer just under the top")->excludes(base);
  app.add_flag("--dry-run", options.dry_run, "Show the plan, to the byte, and write nothing");
  app.add_flag("--verify", options.verify, "Afterwards compare the base with the merged layers");
  app.add_flag("--delete", options.retire, "Afterwards verify, then delete the merged layers");
  app.add_option("--bandwidth", options.bandwidth, "Copy no faster than this")->option_text("MiB/s");
  add_folders(app, "--scan", options.scan, "Look here too for images that hang on them");
  app.add_option("--bitmaps", options.bitmaps, "Let the merged layers' dirty bitmaps go")
      ->option_text("drop")
      ->check(CLI::IsMember({"drop"}));
}

}  // namespace

Action declare_commit(CLI::App& app) {
  auto options = std::make_shared<CommitCommandOptions>();
  add_image(app, options->source);
  add_commit_options(app, *options);
  add_output(app, options->output);
  add_progress(app, options->progress);
  add_allow(app, options->source);
  add_image_format(app, options->source);
  app.footer(
      "Nothing is deleted without --delete. Interrupted at any moment, IMAGE reads as\n"
      "before, and the same command goes on; BASE.qchain.json says how far it is.\n"
      "\n"
      "Example: merge layers 2 and 3 into layer 1; vm.qcow2 stays the active image\n"
      "  qchain commit --base 'vda[1]' --top 'vda[3]' vm.qcow2");
  return [options](Io& io) { return commit_command(*options, io); };
}

}  // namespace qchain::cli
