#include "cli/live_commit.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <memory>
#include <ostream>
#include <utility>

#include "cli/commit_options.h"
#include "cli/commit_report.h"
#include "cli/interrupts.h"
#include "cli/live_report.h"
#include "cli/verify_report.h"
#include "cli/word_option.h"
#include "qcow/commit/retire.h"
#include "qcow/commit/verify_commit.h"

namespace qchain::cli {
namespace {

std::unique_ptr<RecordStore> records_beside(const std::string& base) {
  return std::make_unique<FileRecordStore>(base);
}

std::unexpected<Error> misused(std::string_view what, std::string_view advice) {
  return std::unexpected(make_error(ErrorKind::invalid_argument, what).advise(advice));
}

/// What is about an image in a file, or can't be had under a running guest.
Result<void> check_words(const CommitCommandOptions& options) {
  const LiveCommitOptions& live = options.live;
  if (!options.source.image.empty()) {
    return misused("IMAGE and a running guest are named", "use one of them");
  }
  if (!options.source.allow.empty() || !options.source.format.empty()) {
    return misused("--allow and --format are about an IMAGE", "leave them out: the guest has its images open already");
  }
  if (live.disk.empty()) {
    return misused("no disk is named", "say --disk DISK; qchain list shows them");
  }
  if (options.verify == "full" || !options.keep_base.empty()) {
    return misused("--verify=full and --keep-base are for a guest that is shut down", "leave them out");
  }
  if (live.keep_overlay && options.retire) {
    return misused("--keep-overlay keeps all layers, and --delete deletes the merged ones", "leave one of them out");
  }
  if (live.active && !live.pivot && !live.keep_overlay) {
    return misused("--active needs to know how it ends", "say --pivot to go on in the base, or --keep-overlay");
  }
  return {};
}

live::Ending ending_of(const LiveCommitOptions& live) {
  if (live.pivot) {
    return live::Ending::pivot;
  }
  return live.keep_overlay ? live::Ending::keep_overlay : live::Ending::below_active;
}

live::LiveRequest request_of(const CommitCommandOptions& options) {
  live::LiveRequest request;
  request.disk = options.live.disk;
  request.layers = {.base = options.source.base, .top = options.source.top, .shallow = options.shallow};
  request.ending = ending_of(options.live);
  request.plan = {.scan = options.scan, .bitmaps = options.bitmaps, .keep = {}, .deletes = options.retire};
  request.bandwidth = options.bandwidth * mebibyte;
  request.timeout = std::chrono::seconds(options.live.timeout);
  request.at_timeout = options.live.at_timeout;
  request.engine = options.live.engine;
  return request;
}

live::LiveSurroundings surroundings(live::Machine& machine, CommitProgress& progress, std::stop_token stop, Io& io) {
  return {.machine = machine,
          .records = records_beside,
          .progress = progress.of("Block Commit"),
          .verify_progress = progress.of("Verify"),
          .say =
              [&io, &progress](const std::string& line) {
                progress.end_line();
                io.err << printable(line) << '\n' << std::flush;
              },
          .stop = std::move(stop)};
}

/// Once more, from outside, after the switch: notes the digest of what was merged, too. True: good.
Result<bool> check_again(const CommitCommandOptions& options, const live::LiveReport& report, CommitProgress& progress,
                         const Interrupts& interrupts, Io& io) {
  FileRecordStore records(report.anchor);
  FileGate gate(Locking::shared_read);
  CompareOptions how;
  how.progress = progress.of("Verify");
  how.stop = interrupts.token();
  const CommitCheck check = QC_TRY(verify_commit(records, gate, how));
  progress.end_line();
  print_check(report.record.base.path, check, options.output, io.out);
  return check.good();
}

Result<ExitStatus> retire_merged(const CommitCommandOptions& options, const live::LiveReport& report,
                                 CommitProgress& progress, std::stop_token stop, Io& io) {
  FileRecordStore records(report.anchor);
  CompareOptions how;
  how.progress = progress.of("Verify");
  how.stop = std::move(stop);
  auto retirement = retire(records, how, folders_to_scan(options.scan, report.anchor));
  if (!retirement) {
    return std::unexpected(cut_off_after_merge(std::move(retirement).error(), report.record.base.path, "retire"));
  }
  print_retirement(*retirement, options.output, io.out);
  return ExitStatus::done;
}

Result<ExitStatus> commit_and_report(const CommitCommandOptions& options, live::Machine& machine, Io& io) {
  const Interrupts interrupts;  // before there are other threads
  CommitProgress progress(io, options.progress);
  const live::LiveRequest request = request_of(options);
  const live::LiveReport report =
      QC_TRY(live::commit_live(request, surroundings(machine, progress, interrupts.token(), io)));
  progress.end_line();
  if (!report.comparison.same()) {
    print_comparison(report.record.base.path, report.comparison, std::nullopt, options.output, io.out);
    const auto& overlay = report.record.live->overlay;
    io.err << "cancelled before the switch: the chain is as before\n"
           << (overlay ? fmt::format("the guest goes on in {}: start it on that\n", printable(overlay->path)) : "");
    return ExitStatus::negative;
  }
  print_live_commit(request, report, options.output, io.out);
  const bool can_be_compared = request.ending == live::Ending::below_active && !options.retire;
  if (can_be_compared && !options.verify.empty() && !QC_TRY(check_again(options, report, progress, interrupts, io))) {
    return ExitStatus::negative;
  }
  if (options.retire && request.ending != live::Ending::keep_overlay) {
    return retire_merged(options, report, progress, interrupts.token(), io);
  }
  return ExitStatus::done;
}

Result<ExitStatus> show_plan(const CommitCommandOptions& options, live::Machine& machine, Io& io) {
  CommitProgress progress(io, options.progress);
  const live::LivePlan plan = QC_TRY(live::plan_live(request_of(options), surroundings(machine, progress, {}, io)));
  print_live_plan(plan, options.output, io.out);
  if (!plan.plan.refusals.empty()) {
    return std::unexpected(plan.plan.refusals.front());
  }
  return ExitStatus::done;
}

}  // namespace

Result<ExitStatus> live_commit_command(const CommitCommandOptions& options, Io& io) {
  QC_TRY(check_words(options));
  const auto machine = QC_TRY(open_machine(options.live.target));
  return options.dry_run ? show_plan(options, *machine, io) : commit_and_report(options, *machine, io);
}

void add_live_commit(CLI::App& app, LiveCommitOptions& options) {
  add_live_target(app, options.target);
  app.add_option("--disk", options.disk, "Disk of the running guest, as qchain list names it")
      ->option_text("DISK")
      ->check(refuse_empty);
  app.add_flag("--active", options.active, "Running guest: the active image too");
  auto* pivot = app.add_flag("--pivot", options.pivot, "… and the guest goes on in the base");
  app.add_flag("--keep-overlay", options.keep_overlay, "… as a copy: the guest goes on as before")->excludes(pivot);
  auto* timeout = app.add_option("--timeout", options.timeout, "Running guest: time for the copying");
  timeout->option_text("SECONDS");
  const Words<live::AtTimeout> policies{{"cancel", live::AtTimeout::cancel},
                                        {"raise-speed", live::AtTimeout::raise_speed},
                                        {"report", live::AtTimeout::report}};
  add_word_option(app, "--timeout-policy", options.at_timeout, policies, "What then; default: cancel")->needs(timeout);
  const Words<live::EngineChoice> engines{{"auto", live::EngineChoice::automatic},
                                          {"qemu", live::EngineChoice::qemu},
                                          {"clone", live::EngineChoice::clone}};
  add_word_option(app, "--engine", options.engine, engines, "Who merges under a running guest; default: auto");
}

std::string_view option_for_a_guest(const LiveCommitOptions& options) {
  const auto given =
      std::to_array<std::pair<bool, std::string_view>>({{!options.disk.empty(), "--disk"},
                                                        {options.active, "--active"},
                                                        {options.pivot, "--pivot"},
                                                        {options.keep_overlay, "--keep-overlay"},
                                                        {options.timeout != 0, "--timeout"},
                                                        {options.engine != live::EngineChoice::automatic, "--engine"}});
  const auto* const first = std::ranges::find_if(given, [](const auto& option) { return option.first; });
  return first != std::end(given) ? first->second : std::string_view{};
}

}  // namespace qchain::cli
