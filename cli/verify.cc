#include <CLI/CLI.hpp>
#include <memory>

#include "cli/command.h"
#include "cli/commit_report.h"
#include "cli/interrupts.h"
#include "cli/options.h"
#include "cli/progress.h"

namespace qchain::cli {
namespace {

struct VerifyOptions {
  SourceOptions source;
  std::string target;
  std::string target_format;
  OutputStyle output = OutputStyle::human;
  ProgressStyle progress = ProgressStyle::automatic;
};

Result<ExitStatus> verify_target(const VerifyOptions& options, const CompareOptions& how, Io& io) {
  const ViewCaches caches;
  const View view(QC_TRY(open_slice(options.source)), caches);
  SourceOptions target;
  target.image = options.target;
  target.format = options.target_format;
  target.force_share = options.source.force_share;
  target.allow = options.source.allow;
  const View other(QC_TRY(open_slice(target)), caches);
  const Comparison comparison = QC_TRY(compare(view, other, how));
  print_comparison(options.target, comparison, options.output, io.out);
  return comparison.same() ? ExitStatus::done : ExitStatus::negative;
}

Result<ExitStatus> verify_base(const VerifyOptions& options, const CompareOptions& how, Io& io) {
  FileRecordStore records(options.source.image);
  FileGate gate(locking_for(options.source), QC_TRY(AllowedFolders::only(options.source.allow)));
  const CommitCheck check = QC_TRY_IN(options.source.image, verify_commit(records, gate, how));
  print_check(options.source.image, check, options.output, io.out);
  return check.good() ? ExitStatus::done : ExitStatus::negative;
}

Result<ExitStatus> verify(const VerifyOptions& options, Io& io) {
  const Interrupts interrupts;  // before there are other threads
  Progress progress(io, options.progress, "Verify");
  CompareOptions how;
  how.progress = [&](std::uint64_t done, std::uint64_t total) { progress.update(done, total); };
  how.stop = interrupts.token();
  return options.target.empty() ? verify_base(options, how, io) : verify_target(options, how, io);
}

}  // namespace

Action declare_verify(CLI::App& app) {
  auto options = std::make_shared<VerifyOptions>();
  add_image(app, options->source);
  app.add_option("TARGET", options->target, "What should read as IMAGE does; none: see below")->option_text(" ");
  add_slice(app, options->source);
  app.add_option("--target-format", options->target_format, "Format of TARGET; default: recognised")
      ->option_text("raw|qcow2")
      ->check(CLI::IsMember({"raw", "qcow2"}));
  add_output(app, options->output);
  add_progress(app, options->progress);
  add_force_share(app, options->source);
  add_allow(app, options->source);
  add_image_format(app, options->source);
  app.footer(
      "Without TARGET, the record of a commit beside IMAGE says what it should read as.\n"
      "Exit status 0: they read the same; 1: they differ; 2: an error.\n"
      "\n"
      "Example: is the copy right?\n"
      "  qchain verify --top 2 vm.qcow2 old.qcow2\n"
      "Example: does a base still read as what was merged into it?\n"
      "  qchain verify base.raw");
  return [options](Io& io) { return verify(*options, io); };
}

}  // namespace qchain::cli
