#include <CLI/CLI.hpp>
#include <memory>

#include "cli/command.h"
#include "cli/info_json.h"
#include "cli/info_text.h"
#include "cli/options.h"

namespace qchain::cli {
namespace {

struct InfoOptions {
  SourceOptions source;
  OutputStyle output = OutputStyle::human;
};

Result<ExitStatus> info(const InfoOptions& options, Io& io) {
  const Chain chain = QC_TRY(open_chain(options.source));
  const std::vector<LayerFacts> layers = QC_TRY(gather_facts(chain));
  if (options.output == OutputStyle::json) {
    print_info_json(io.out, layers);
  } else {
    print_info_text(io.out, layers);
  }
  return ExitStatus::done;
}

}  // namespace

Action declare_info(CLI::App& app) {
  auto options = std::make_shared<InfoOptions>();
  add_image(app, options->source);
  add_output(app, options->output);
  add_force_share(app, options->source);
  add_allow(app, options->source);
  add_image_format(app, options->source);
  app.footer(
      "Example: the chain under a disk that a running guest has open\n"
      "  qchain info -U vm.qcow2");
  return [options](Io& io) { return info(*options, io); };
}

}  // namespace qchain::cli
