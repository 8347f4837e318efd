#include <CLI/CLI.hpp>
#include <memory>

#include "cli/check_report.h"
#include "cli/command.h"
#include "cli/confine.h"
#include "cli/interrupts.h"
#include "cli/options.h"
#include "cli/progress.h"

namespace qchain::cli {
namespace {

struct CheckCommandOptions {
  SourceOptions source;
  OutputStyle output = OutputStyle::human;
  ProgressStyle progress = ProgressStyle::automatic;
};

/// What keeps a layer from being looked at now, or by this user, says nothing about it.
bool is_no_damage(ErrorKind kind) {
  return kind == ErrorKind::locked || kind == ErrorKind::permission || kind == ErrorKind::refused ||
         kind == ErrorKind::io;
}

Result<ExitStatus> check(const CheckCommandOptions& options, Io& io) {
  const Interrupts interrupts;  // before there are other threads
  const PartialChain opened = QC_TRY(open_what_can_be(options.source));
  if (opened.below && is_no_damage(opened.below->kind)) {
    return std::unexpected(*opened.below);
  }
  ChainCheck result = check_surroundings(opened, QC_TRY(AllowedFolders::only(options.source.allow)));
  QC_TRY(confine(options.source, io, {.duty = sandbox::Duty::read}));
  {
    Progress progress(io, options.progress, "Check");
    const CheckOptions how{
        .progress = [&progress](std::uint64_t done, std::uint64_t total) { progress.update(done, total); },
        .stop = interrupts.token()};
    QC_TRY(check_metadata(opened, how, result));
  }
  if (options.output == OutputStyle::json) {
    print_check_json(io.out, result);
  } else {
    print_check_text(io.out, result);
  }
  return result.damaged() || result.leaks() > 0 ? ExitStatus::negative : ExitStatus::done;
}

}  // namespace

Action declare_check(CLI::App& app) {
  auto options = std::make_shared<CheckCommandOptions>();
  add_image(app, options->source);
  add_output(app, options->output);
  add_progress(app, options->progress);
  add_reading(app, options->source);
  app.footer(
      "Counts the references to every cluster of every layer, as qemu-img check does,\n"
      "and looks at the chain as a whole. Only reads; qemu-img check -r repairs one\n"
      "image.\n"
      "Exit status 0: nothing wrong; 1: damage or leaks; 2: an error.\n"
      "\n"
      "Example: is this chain sound?\n"
      "  qchain check vm.qcow2");
  return [options](Io& io) { return check(*options, io); };
}

}  // namespace qchain::cli
