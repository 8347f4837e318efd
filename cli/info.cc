#include <CLI/CLI.hpp>
#include <memory>

#include "cli/command.h"
#include "cli/confine.h"
#include "cli/info_json.h"
#include "cli/info_text.h"
#include "cli/options.h"

namespace qchain::cli {
namespace {

struct InfoOptions {
  SourceOptions source;
  OutputStyle output = OutputStyle::human;
  bool verbose = false;
};

Result<ExitStatus> info(const InfoOptions& options, Io& io) {
  const Chain chain = QC_TRY(open_chain(options.source));
  std::vector<LayerFacts> layers = look_around(chain);
  const auto protections = QC_TRY(confine(options.source, io, {.duty = sandbox::Duty::read}));
  QC_TRY(look_inside(layers));
  const InfoToPrint all{.layers = layers, .protections = options.verbose ? &protections : nullptr};
  if (options.output == OutputStyle::json) {
    print_info_json(io.out, all);
  } else {
    print_info_text(io.out, all);
  }
  return ExitStatus::done;
}

}  // namespace

Action declare_info(CLI::App& app) {
  auto options = std::make_shared<InfoOptions>();
  add_image(app, options->source);
  add_output(app, options->output);
  app.add_flag("--verbose", options->verbose, "Say, too, what guards the system against this image");
  add_reading(app, options->source);
  app.footer(
      "Example: the chain under a disk that a running guest has open\n"
      "  qchain info -U vm.qcow2");
  return [options](Io& io) { return info(*options, io); };
}

}  // namespace qchain::cli
