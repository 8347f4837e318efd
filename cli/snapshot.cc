#include "qcow/snapshot/snapshot.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>
#include <utility>

#include "cli/command.h"
#include "cli/human.h"
#include "cli/json.h"
#include "cli/live_target.h"
#include "cli/options.h"
#include "cli/size_argument.h"
#include "live/live_snapshot.h"

namespace qchain::cli {
namespace {

struct SnapshotCommandOptions {
  SourceOptions source;
  SnapshotRequest request;  ///< without what `source` says
  LiveTarget target;
  std::string disk;  ///< of a running guest: DISK=FILE
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

/// The disk and the new image of "vda=FILE"; a file's name may have more of these signs.
Result<std::pair<std::string, std::string>> disk_and_file(const std::string& word) {
  const auto sign = word.find('=');
  if (sign == std::string::npos || sign == 0 || sign + 1 == word.size()) {
    return std::unexpected(make_error(ErrorKind::invalid_argument, "--disk takes a disk and the new image")
                               .advise("say --disk vda=FILE; qchain list shows the disks"));
  }
  return std::pair(word.substr(0, sign), word.substr(sign + 1));
}

Result<ExitStatus> snapshot_running(SnapshotCommandOptions options, Io& io) {
  const auto [disk, file] = QC_TRY(disk_and_file(options.disk));
  if (!options.source.image.empty() || !options.source.format.empty() || options.request.size ||
      options.request.existing == Existing::replace || options.request.cluster_bits != SnapshotRequest{}.cluster_bits) {
    return fail(ErrorKind::invalid_argument,
                "IMAGE, --size, --cluster-size, --format and --force are not for a running guest");
  }
  const auto machine = QC_TRY(open_machine(options.target));
  const live::LiveSnapshot taken = QC_TRY(live::take_live_snapshot(*machine, disk, file));
  options.request.overlay = taken.overlay;
  const SnapshotReport report{.size = taken.size,
                              .cluster_size = std::uint64_t{1} << options.request.cluster_bits,
                              .backing_name = taken.backing_name,
                              .backing_format = taken.backing_format};
  print_report(options, report, io);
  return ExitStatus::done;
}

Result<ExitStatus> snapshot_command(const SnapshotCommandOptions& options, Io& io) {
  if (options.target.is_given()) {
    return snapshot_running(options, io);
  }
  if (!options.disk.empty()) {
    return std::unexpected(make_error(ErrorKind::invalid_argument, "--disk is for a running guest")
                               .advise("name it by --qmp SOCKET or --domain NAME, or leave the option out"));
  }
  if (options.source.image.empty() || options.request.overlay.empty()) {
    const char* missing = options.source.image.empty() ? "IMAGE is required" : "OVERLAY is required";
    return std::unexpected(make_error(ErrorKind::invalid_argument, missing)
                               .advise("or say --qmp SOCKET --disk vda=FILE for a running guest"));
  }
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
  add_image(app, options->source)->required(false);
  app.add_option("OVERLAY", options->request.overlay, "The new image on top of it")->option_text(" ");
  add_sizes(app, options->request);
  app.add_flag_callback(
      "--force", [options] { options->request.existing = Existing::replace; }, "Replace OVERLAY if it exists");
  add_output(app, options->output);
  add_image_format(app, options->source);
  add_live_target(app, options->target);
  app.add_option("--disk", options->disk, "Running guest: its disk, and the new image")->option_text("DISK=FILE");
  app.footer(
      "OVERLAY is empty and reads as IMAGE does. Write only to OVERLAY from then on:\n"
      "changes of IMAGE would show through. IMAGE's format is recorded, and a relative\n"
      "name of IMAGE becomes one relative to OVERLAY's folder.\n"
      "\n"
      "Example: keep vm.qcow2 as it is now, and go on with monday.qcow2\n"
      "  qchain snapshot vm.qcow2 monday.qcow2\n"
      "The same under a running guest:\n"
      "  qchain snapshot --qmp vm.sock --disk vda=monday.qcow2");
  return [options](Io& io) { return snapshot_command(*options, io); };
}

}  // namespace qchain::cli
