#include <CLI/CLI.hpp>
#include <memory>
#include <optional>

#include "cli/command.h"
#include "cli/confine.h"
#include "cli/map_picture.h"
#include "cli/map_print.h"
#include "cli/options.h"
#include "cli/picture_file.h"

namespace qchain::cli {
namespace {

struct MapOptions {
  SourceOptions source;
  OutputStyle output = OutputStyle::human;
  std::string picture;  ///< file to draw into, or empty
};

Result<ExitStatus> map(const MapOptions& options, Io& io) {
  const View view(QC_TRY(open_slice(options.source, io)), ViewCaches{});
  std::optional<PictureFile> picture;
  if (!options.picture.empty()) {
    picture = QC_TRY(PictureFile::open(options.picture));
  }
  QC_TRY(confine(options.source, io, {.duty = sandbox::Duty::read}));
  if (picture) {
    QC_TRY(picture->write(picture_of(view)));
  } else if (options.output == OutputStyle::json) {
    print_map_json(io.out, view);
  } else {
    print_map_text(io.out, view);
  }
  return ExitStatus::done;
}

}  // namespace

Action declare_map(CLI::App& app) {
  auto options = std::make_shared<MapOptions>();
  add_image(app, options->source);
  add_slice(app, options->source);
  auto* output = add_output(app, options->output);
  app.add_option("--svg", options->picture, "Draw the layers and the view, instead of printing it")
      ->option_text("FILE")
      ->excludes(output);
  add_reading(app, options->source);
  app.footer(
      "Example: what the two layers above the base changed, and a drawing of it\n"
      "  qchain map --base 2 --top 3 vm.qcow2\n"
      "  qchain map --base 2 --top 3 --svg vm.svg vm.qcow2");
  return [options](Io& io) { return map(*options, io); };
}

}  // namespace qchain::cli
