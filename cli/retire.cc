#include "qcow/commit/retire.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/command.h"
#include "cli/commit_report.h"
#include "cli/interrupts.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "qcow/commit/find_record.h"

namespace qchain::cli {
namespace {

struct RetireOptions {
  std::string base;
  std::vector<std::string> scan;
  OutputStyle output = OutputStyle::human;
  ProgressStyle progress = ProgressStyle::automatic;
};

Result<ExitStatus> retire_command(const RetireOptions& options, Io& io) {
  const Interrupts interrupts;  // before there are other threads
  const std::string anchor = QC_TRY(find_record(options.base)).anchor;
  FileRecordStore records(anchor);
  Progress progress(io, options.progress, "Verify");
  CompareOptions how;
  how.progress = [&](std::uint64_t done, std::uint64_t total) { progress.update(done, total); };
  how.stop = interrupts.token();
  const Retirement retirement = QC_TRY_IN(options.base, retire(records, how, folders_to_scan(options.scan, anchor)));
  print_retirement(retirement, options.output, io.out);
  return ExitStatus::done;
}

}  // namespace

Action declare_retire(CLI::App& app) {
  auto options = std::make_shared<RetireOptions>();
  app.add_option("BASE", options->base, "Base of a finished commit, or its record")->required()->option_text(" ");
  add_folders(app, "--scan", options->scan, "Look here too for images that hang on them");
  add_output(app, options->output);
  add_progress(app, options->progress);
  app.footer(
      "Verifies the base against the merged layers first, and refuses when they differ,\n"
      "were changed since, are open anywhere, or when another image hangs on them.\n"
      "For a base on a block device, name the record: DIR/NAME.qchain.json.\n"
      "\n"
      "Example:\n"
      "  qchain retire base.raw");
  return [options](Io& io) { return retire_command(*options, io); };
}

}  // namespace qchain::cli
