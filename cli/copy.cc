#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/command.h"
#include "cli/confine.h"
#include "cli/human.h"
#include "cli/interrupts.h"
#include "cli/json.h"
#include "cli/lost_ranges.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/word_option.h"
#include "qcow/copy/copy_to_file.h"

namespace qchain::cli {
namespace {

struct CopyCommandOptions {
  SourceOptions source;
  std::string out;
  std::string format = "raw";  ///< of `out`
  bool force = false;
  bool salvage = false;
  OutputStyle output = OutputStyle::human;
  ProgressStyle progress = ProgressStyle::automatic;
};

ImageFormat format_of(const std::string& name) {
  return name == "raw" ? ImageFormat::raw : ImageFormat::qcow2;
}

void print_summary(const CopyCommandOptions& options, const View& view, const CopyTotals& totals,
                   const LostRanges& lost, Io& io) {
  if (options.output == OutputStyle::json) {
    nlohmann::ordered_json json = {{"filename", options.out}, {"format", options.format}, {"virtual-size", view.size()},
                                   {"copied", totals.copied}, {"cloned", totals.cloned},  {"zero", totals.zero}};
    if (options.salvage) {
      add_lost(json, lost, view.slice());
    }
    print_json(io.out, json);
    return;
  }
  print_lost(io.err, lost, view.slice());
  io.out << fmt::format(
      "{}: {}, {} copied, {} cloned, rest holes{}\n", printable(options.out), size_text(view.size()),
      size_text(totals.copied), size_text(totals.cloned),
      lost.bytes() > 0 ? fmt::format("; {} lost, zeros in their place", size_text(lost.bytes())) : "");
}

/// The engine's advice names the flags that most commands have; here they are others.
Error in_words_of_copy(Error error) {
  constexpr std::string_view common = "--format=";
  if (const auto at = error.advice.find(common); at != std::string::npos) {
    error.advice.replace(at, common.size(), "--image-format=");
  }
  if (error.kind == ErrorKind::locked) {
    error.advice = "shut the guest down first: a copy of what is being written to would be torn";
  }
  return error;
}

/// The engine says what is there now; the user also wants to know how to go on.
Error in_words_of_interrupt(Error error) {
  error.what = "copy interrupted";
  error.advice += "; run the same command again to start anew";
  return error;
}

Result<CopyTotals> copy_view_to(const CopyCommandOptions& options, const View& view, LostRanges& lost,
                                const Interrupts& interrupts, Io& io) {
  const CopyTarget target{
      .path = options.out,
      .format = format_of(options.format),
      .existing = options.force ? Existing::replace : Existing::refuse,
      .opened = [&](const OutputFile& output) -> Result<void> {
        QC_TRY(confine(options.source, io, {.duty = sandbox::Duty::copy, .output_folder = output.folder()}));
        return {};
      }};
  Progress progress(io, options.progress, "Copy");
  CopyOptions how;
  how.progress = [&progress](std::uint64_t done, std::uint64_t total) { progress.update(done, total); };
  how.stop = interrupts.token();
  if (options.salvage) {
    how.lost = [&lost](const LostRange& range) { lost.add(range); };
  }
  Result<CopyTotals> totals = copy_to_file(view, target, how);
  if (!totals && totals.error().kind == ErrorKind::interrupted) {
    return std::unexpected(in_words_of_interrupt(std::move(totals).error()));
  }
  return totals;
}

Result<ExitStatus> copy(const CopyCommandOptions& options, Io& io) {
  const Interrupts interrupts;  // before there are other threads
  Result<Slice> slice = open_slice(options.source, io);
  if (!slice) {
    return std::unexpected(in_words_of_copy(std::move(slice).error()));
  }
  const View view(*std::move(slice), ViewCaches{});
  LostRanges lost;
  const CopyTotals totals = QC_TRY(copy_view_to(options, view, lost, interrupts, io));
  print_summary(options, view, totals, lost, io);
  return lost.bytes() == 0 ? ExitStatus::done : ExitStatus::negative;
}

}  // namespace

Action declare_copy(CLI::App& app) {
  auto options = std::make_shared<CopyCommandOptions>();
  add_image(app, options->source);
  app.add_option("OUT", options->out, "The new image: a file, or with --force a block device")
      ->required()
      ->option_text(" ");
  add_slice(app, options->source);
  take_only(*app.add_option("--format", options->format, "Format of OUT; default: raw"), {"raw", "qcow2"});
  app.add_flag("--force", options->force, "Write over OUT if it exists");
  app.add_flag("--salvage", options->salvage, "Go on where a layer is damaged: zeros there, status 1");
  add_output(app, options->output);
  add_progress(app, options->progress);
  add_allow(app, options->source);
  add_no_sandbox(app, options->source);
  add_no_backing(app, options->source);
  add_image_format(app, options->source, "--image-format");
  app.footer(
      "Holes stay holes, and blocks are shared where the file system can. OUT gets its\n"
      "name only when it is complete.\n"
      "\n"
      "Example: the disk as it was when layer 2 was the active one, as qcow2\n"
      "  qchain copy --top 2 --format qcow2 vm.qcow2 old.qcow2");
  return [options](Io& io) { return copy(*options, io); };
}

}  // namespace qchain::cli
