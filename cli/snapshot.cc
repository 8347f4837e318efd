#include "qcow/snapshot/snapshot.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/command.h"
#include "cli/human.h"
#include "cli/json.h"
#include "cli/options.h"
#include "cli/size_argument.h"

namespace qchain::cli {
namespace {

struct SnapshotCommandOptions {
  SourceOptions source;
  SnapshotRequest request;  ///< without what `source` says
  OutputStyle output = OutputStyle::human;
};

void print_report(const SnapshotCommandOptions& options, const SnapshotReport& report, Io& io) {
  const std::string& overlay = options.request.overlay;
  if (options.output == OutputStyle::json) {
    print_json(io.out, {{"filename", overlay},
                        {"format", "qcow2"},
                        {"virtual-size", report.size},
                        {"cluster-size", report.cluster_size},
                        {"backing-filename", report.backing_name},
                        {"backing-filename-format", name_of(report.backing_format)}});
  } else {
    io.out << fmt::format("{}: {}, clusters of {}, backed by '{}' ({})\n", printable(overlay), size_text(report.size),
                          size_text(report.cluster_size), printable(report.backing_name),
                          name_of(report.backing_format));
  }
}

Result<ExitStatus> snapshot_command(const SnapshotCommandOptions& options, Io& io) {
  SnapshotRequest request = options.request;
  request.image = options.source.image;
  request.format = chosen_format(options.source);
  print_report(options, QC_TRY(take_snapshot(request)), io);
  return ExitStatus::done;
}

/// CLI11 says the option before the text, and makes a usage error of it.
[[noreturn]] void refuse_word(const char* option, const std::string& word, const char* expected) {
  throw CLI::ValidationError(option, fmt::format("'{}' is not {}", word, expected));
}

void add_sizes(CLI::App& app, SnapshotRequest& request) {
  app.add_option_function<std::string>(
         "--size",
         [&request](const std::string& word) {
           request.size = parse_size(word);
           if (!request.size) {
             refuse_word("--size", word, "a number of bytes, or one with the suffix k, M, G, T or P");
           }
         },
         "Virtual size of OVERLAY, such as 40G; default: IMAGE's")
      ->option_text("SIZE");
  app.add_option_function<std::string>(
         "--cluster-size",
         [&request](const std::string& word) {
           const auto bits = parse_cluster_bits(word);
           if (!bits) {
             refuse_word("--cluster-size", word, "a power of two from 512 to 2M");
           }
           request.cluster_bits = *bits;
         },
         "From 512 to 2M; default: 64k")
      ->option_text("SIZE");
}

}  // namespace

Action declare_snapshot(CLI::App& app) {
  auto options = std::make_shared<SnapshotCommandOptions>();
  add_image(app, options->source);
  app.add_option("OVERLAY", options->request.overlay, "The new image on top of it")->required()->option_text(" ");
  add_sizes(app, options->request);
  app.add_flag_callback(
      "--force", [options] { options->request.existing = Existing::replace; }, "Replace OVERLAY if it exists");
  add_output(app, options->output);
  add_image_format(app, options->source);
  app.footer(
      "OVERLAY is empty and reads as IMAGE does. Write only to OVERLAY from then on:\n"
      "changes of IMAGE would show through. IMAGE's format is recorded, and a relative\n"
      "name of IMAGE becomes one relative to OVERLAY's folder.\n"
      "\n"
      "Example: keep vm.qcow2 as it is now, and go on with monday.qcow2\n"
      "  qchain snapshot vm.qcow2 monday.qcow2");
  return [options](Io& io) { return snapshot_command(*options, io); };
}

}  // namespace qchain::cli
