#include "qcow/commit/commit.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <optional>
#include <ostream>

#include "cli/command.h"
#include "cli/commit_options.h"
#include "cli/commit_report.h"
#include "cli/interrupts.h"
#include "cli/live_commit.h"
#include "cli/options.h"
#include "cli/plan_report.h"
#include "cli/progress.h"
#include "cli/verify_report.h"
#include "cli/word_option.h"
#include "qcow/commit/find_record.h"
#include "qcow/commit/retire.h"
#include "qcow/commit/verify_commit.h"
#include "qcow/storage/read_back_gate.h"

namespace qchain::cli {
namespace {

CommitRequest request_of(const CommitCommandOptions& options) {
  CommitRequest request;
  request.image = options.source.image;
  request.format = chosen_format(options.source);
  request.layers = {.base = options.source.base, .top = options.source.top, .shallow = options.shallow};
  request.plan = {.scan = options.scan, .bitmaps = options.bitmaps, .keep = {}, .deletes = options.retire};
  if (!options.keep_base.empty()) {
    request.plan.keep =
        KeepRequest{.file = options.keep_base, .copy = options.keep_base_copy ? CopyToKeep::allow : CopyToKeep::refuse};
  }
  request.bandwidth = options.bandwidth * mebibyte;
  request.cache = options.retire ? CacheUse::keep : CacheUse::pass_by;  // a retirement reads the layers again
  request.whole_digest = options.whole_digest();
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

/// The image may be gone because the same command has deleted it already, or begun to.
Result<CommitReport> after_deletion(const CommitCommandOptions& options, Error error) {
  std::error_code ignored;
  const bool is_there = std::filesystem::exists(options.source.image, ignored);  // then it is a file below that is not
  if (!options.retire || error.kind != ErrorKind::not_found || is_there) {
    return std::unexpected(std::move(error));
  }
  if (auto report = find_cut_off_deletion(request_of(options), options.scan)) {
    return *std::move(report);
  }
  return std::unexpected(
      std::move(error).advise("if an earlier commit --delete removed it: qchain retire BASE goes on"));
}

Result<CommitReport> merge(const CommitCommandOptions& options, const Interrupts& interrupts, Io& io) {
  const AllowedFolders allowed = QC_TRY(AllowedFolders::only(options.source.allow));
  FileGate looking(Locking::none, allowed);
  FileWritingGate working(allowed);  // its locks end here: verification and retirement take their own
  CommitProgress progress(io, options.progress);
  auto report = commit(request_of(options), {.looking = looking,
                                             .working = working,
                                             .records = records_beside,
                                             .progress = progress.of("Block Commit"),
                                             .stop = interrupts.token(),
                                             .digest_progress = progress.of("Digest")});
  if (!report && report.error().kind == ErrorKind::interrupted) {
    return std::unexpected(std::move(report)
                               .error()
                               .in(options.source.image)
                               .advise("it reads as before; run the same command again to go on"));
  }
  return report ? std::move(report) : after_deletion(options, std::move(report).error());
}

/// What a check found is printed here. True: good.
Result<bool> check_base(const CommitCommandOptions& options, const CommitReport& report, RecordStore& records,
                        const CompareOptions& how, Io& io) {
  ReadBackGate all_from_disk;
  ReadBackGate base_from_disk(report.record.base.identity);
  const CommitCheck check = QC_TRY(options.whole_digest() ? verify_whole(records, all_from_disk, how)
                                                          : verify_moved(records, base_from_disk, how));
  print_check(report.record.base.path, check, options.output, io.out);
  return check.good();
}

Result<ExitStatus> check_and_retire(const CommitCommandOptions& options, const CommitReport& report,
                                    const Interrupts& interrupts, Io& io) {
  FileRecordStore records(report.anchor);
  CommitProgress progress(io, options.progress);
  CompareOptions how;
  how.progress = progress.of("Verify");
  how.stop = interrupts.token();
  const bool retires = options.afterwards() == Afterwards::verify_and_retire;
  // A retirement compares with the layers by itself.
  if ((!retires || options.whole_digest()) && !QC_TRY(check_base(options, report, records, how, io))) {
    return ExitStatus::negative;
  }
  if (retires) {
    print_retirement(QC_TRY(retire(records, how, folders_to_scan(options.scan, report.anchor))), options.output,
                     io.out);
  }
  return ExitStatus::done;
}

Result<ExitStatus> go_on(const CommitCommandOptions& options, const CommitReport& report, const Interrupts& interrupts,
                         Io& io) {
  auto status = check_and_retire(options, report, interrupts, io);
  if (!status) {
    return std::unexpected(
        cut_off_after_merge(std::move(status).error(), report.record.base.path, options.retire ? "retire" : "verify"));
  }
  return status;
}

Result<ExitStatus> commit_command(const CommitCommandOptions& options, Io& io) {
  if (options.sha256 && !options.whole_digest()) {
    return std::unexpected(make_error(ErrorKind::invalid_argument, "--sha256 records a digest of the whole view")
                               .advise("say --verify=full too"));
  }
  if (options.live.target.is_given()) {
    return live_commit_command(options, io);
  }
  if (options.source.image.empty()) {
    return std::unexpected(make_error(ErrorKind::invalid_argument, "no IMAGE is named")
                               .advise("or say --qmp SOCKET --disk DISK for a running guest"));
  }
  if (const std::string_view option = option_for_a_guest(options.live); !option.empty()) {
    return std::unexpected(make_error(ErrorKind::invalid_argument, fmt::format("{} is for a running guest", option))
                               .in(options.source.image)
                               .advise("name it by --qmp SOCKET or --domain NAME, or leave the option out"));
  }
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

std::string refuse_other_than_full(const std::string& word) {
  return word == plain_verify || word == "full" ? std::string() : "takes no value, or full: --verify=full";
}

void add_commit_options(CLI::App& app, CommitCommandOptions& options) {
  auto* base = app.add_option("--base", options.source.base, "Layer that is merged into; default: the bottom");
  base->option_text("LAYER")->check(refuse_empty);
  app.add_option("--top", options.source.top, "Last layer that is merged; default: IMAGE")
      ->option_text("LAYER")
      ->check(refuse_empty);
  app.add_flag("--shallow", options.shallow, "Merge into the layer just under the top")->excludes(base);
  app.add_flag("--dry-run", options.dry_run, "Show the plan, to the byte, and write nothing");
  auto* verify = app.add_flag("--verify", options.verify, "Afterwards read back what was merged; =full: see below");
  verify->check(refuse_other_than_full);
  app.add_flag("--sha256", options.sha256, "Record the view's SHA-256 too; with --verify=full")->needs(verify);
  app.add_flag("--delete", options.retire, "Afterwards verify, then delete the merged layers");
  auto* keep = app.add_option("--keep-base", options.keep_base, "Keep the base as it was, in an instant, as FILE");
  keep->option_text("FILE")->check(refuse_empty);
  app.add_flag("--keep-base-copy", options.keep_base_copy, "Copy it where blocks can't be shared")->needs(keep);
  constexpr std::uint64_t most = std::uint64_t{1} << 30;  // in bytes it still is a number that can be reckoned with
  app.add_option("--bandwidth", options.bandwidth, "Copy no faster than this")
      ->option_text("MiB/s")
      ->check(CLI::Range(std::uint64_t{0}, most));
  add_folders(app, "--scan", options.scan, "Look here too for images that hang on them");
  add_word_option<BitmapChoice>(app, "--bitmaps", options.bitmaps,
                                {{"merge", BitmapChoice::merge}, {"drop", BitmapChoice::drop}},
                                "Merged layers' dirty bitmaps: into base, or gone");
}

}  // namespace

Action declare_commit(CLI::App& app) {
  auto options = std::make_shared<CommitCommandOptions>();
  add_image(app, options->source)->required(false);
  add_commit_options(app, *options);
  add_live_commit(app, options->live);
  add_output(app, options->output);
  add_progress(app, options->progress);
  add_allow(app, options->source);
  add_image_format(app, options->source);
  app.footer(
      "Nothing is deleted without --delete. Interrupted at any moment, IMAGE reads as\n"
      "before, and the same command goes on; BASE.qchain.json says how far it is.\n"
      "--verify=full takes a digest of all that top reads before the first write, and\n"
      "reads all of the base back from the disk afterwards.\n"
      "\n"
      "Example: merge layers 2 and 3 into layer 1; vm.qcow2 stays the active image\n"
      "  qchain commit --base 'vda[1]' --top 'vda[3]' vm.qcow2\n"
      "The same under a running guest, verified before QEMU switches:\n"
      "  qchain commit --qmp vm.sock --disk vda --base 'vda[1]' --top 'vda[3]'");
  return [options](Io& io) { return commit_command(*options, io); };
}

}  // namespace qchain::cli
