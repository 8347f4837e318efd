#include "fusefs/mount.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/command.h"
#include "cli/json.h"
#include "cli/options.h"

namespace qchain::cli {
namespace {

struct MountCommandOptions {
  SourceOptions source;
  OutputStyle output = OutputStyle::human;
  fusefs::MountOptions mount;
  bool foreground = false;
};

Result<ExitStatus> mount(MountCommandOptions& options, Io& io) {
  options.mount.stay = options.foreground ? fusefs::Stay::foreground : fusefs::Stay::background;
  options.mount.confinement = options.source.no_sandbox ? sandbox::Confinement::off : io.confinement;
  Slice slice = QC_TRY(open_slice(options.source, io));
  io.out.flush();  // nothing may be written twice by the serving process
  const pid_t server = QC_TRY(fusefs::serve(std::move(slice), ViewCaches{}, options.mount));
  if (options.output == OutputStyle::json && !options.foreground) {
    print_json(io.out, {{"mountpoint", options.mount.mountpoint}, {"pid", server}});
  }
  return ExitStatus::done;
}

}  // namespace

Action declare_mount(CLI::App& app) {
  auto options = std::make_shared<MountCommandOptions>();
  add_image(app, options->source);
  app.add_option("MOUNTPOINT", options->mount.mountpoint, "A folder, or a file that becomes the view itself")
      ->required()
      ->option_text(" ");
  add_slice(app, options->source);
  app.add_flag("-f,--foreground", options->foreground, "Stay in the foreground until the mount ends");
  app.add_option("-o", options->mount.fuse_options, "Options for FUSE, such as allow_other (repeatable)")
      ->option_text("OPTS")
      ->allow_extra_args(false);
  add_output(app, options->output);
  add_reading(app, options->source);
  app.footer(
      "On a folder: disk.raw is the view, layers/N-NAME.raw the view up to each layer,\n"
      "partitions/N.raw each partition of disk.raw. Returns when the mount is usable.\n"
      "\n"
      "Example: look at every point in time of a chain, then end it\n"
      "  qchain mount vm.qcow2 /mnt/vm\n"
      "  ls -l /mnt/vm/layers\n"
      "  fusermount3 -u /mnt/vm");
  return [options](Io& io) { return mount(*options, io); };
}

}  // namespace qchain::cli
