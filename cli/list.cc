#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "cli/command.h"
#include "cli/listing.h"
#include "cli/live_report.h"
#include "cli/live_target.h"
#include "cli/options.h"

namespace qchain::cli {
namespace {

struct ListOptions {
  std::vector<std::string> folders;
  SourceOptions source;  ///< of it, only what may be opened
  LiveTarget target;     ///< instead of folders
  OutputStyle output = OutputStyle::human;
};

/// Of each image; none of what can't be opened.
std::vector<std::vector<LockHolder>> holders_of(const Catalog& catalog) {
  std::vector<FileIdentity> files(catalog.images.size());
  std::ranges::transform(catalog.images, files.begin(), [](const CatalogImage& image) {
    return image.facts ? image.facts->identity : FileIdentity{};
  });
  return lock_holders(files);
}

Result<ExitStatus> list_disks(const ListOptions& options, Io& io) {
  if (!options.folders.empty()) {
    return fail(ErrorKind::invalid_argument, "folders and a running guest are named: use one of them");
  }
  const auto machine = QC_TRY(open_machine(options.target));
  print_disks(QC_TRY(machine->disks()), options.output, io.out);
  return ExitStatus::done;
}

Result<ExitStatus> list(const ListOptions& options, Io& io) {
  if (options.target.is_given()) {
    return list_disks(options, io);
  }
  if (options.folders.empty()) {
    return std::unexpected(make_error(ErrorKind::invalid_argument, "DIR is required")
                               .advise("or say --qmp SOCKET for the disks of a running guest"));
  }
  const AllowedFolders allowed = QC_TRY(AllowedFolders::only(options.source.allow));
  Catalog catalog = QC_TRY(catalog_of(options.folders, allowed));
  auto holders = holders_of(catalog);
  const Listing listing{.catalog = std::move(catalog), .holders = std::move(holders)};
  if (options.output == OutputStyle::json) {
    print_list_json(io.out, listing);
  } else {
    print_list_text(io.out, listing);
  }
  return ExitStatus::done;
}

}  // namespace

Action declare_list(CLI::App& app) {
  auto options = std::make_shared<ListOptions>();
  app.add_option("DIR", options->folders, "Folders to look in, and below")
      ->option_text("...")
      ->check([](const std::string& word) { return word.empty() ? "must not be empty" : std::string(); });
  add_output(app, options->output);
  app.add_flag("-U,--force-share", options->source.force_share, "As for other commands; list takes no locks anyway");
  add_allow(app, options->source);
  add_live_target(app, options->target);
  app.footer(
      "Each image hangs on the one above it in its column. An orphan lacks something\n"
      "that lies under it.\n"
      "\n"
      "Example: what is in libvirt's folder, and which guests have it open\n"
      "  qchain list /var/lib/libvirt/images\n"
      "The disks of a running guest, with the indexes that commit takes:\n"
      "  qchain list --qmp /run/vm.sock");
  return [options](Io& io) { return list(*options, io); };
}

}  // namespace qchain::cli
