#include "cli/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <ostream>

#include "cli/word_option.h"
#include "qcow/commit/settled.h"

namespace qchain::cli {
namespace {

void add_layer(CLI::App& app, const char* flag, std::string& into, const char* help) {
  app.add_option(flag, into, help)->option_text("LAYER")->check(refuse_empty);
}

ChainOptions chain_options(const SourceOptions& source) {
  ChainOptions options{.format = chosen_format(source)};
  options.below = source.no_backing ? Below::left_out : Below::opened;
  return options;
}

}  // namespace

std::string refuse_empty(const std::string& word) {
  return word.empty() ? "must not be empty" : std::string();
}

CLI::Option* add_image(CLI::App& app, SourceOptions& source) {
  return app.add_option("IMAGE", source.image, "Active image; the chain is what lies under it")
      ->required()
      ->option_text(" ")
      ->check(refuse_empty);
}

CLI::Option* add_folders(CLI::App& app, const char* flag, std::vector<std::string>& into, const char* help) {
  return app.add_option(flag, into, help)->option_text("DIR")->check(refuse_empty)->allow_extra_args(false);
}

void add_allow(CLI::App& app, SourceOptions& source) {
  add_folders(app, "--allow", source.allow, "Refuse files elsewhere that headers name (repeatable)");
}

void add_no_sandbox(CLI::App& app, SourceOptions& source) {
  app.add_flag("--no-sandbox", source.no_sandbox, "Keep the rights that reading does not need (to debug)");
}

void add_no_backing(CLI::App& app, SourceOptions& source) {
  app.add_flag("--no-backing", source.no_backing, "IMAGE alone: what it does not have reads as zeros");
}

void add_force_share(CLI::App& app, SourceOptions& source) {
  app.add_flag("-U,--force-share", source.force_share, "Read without taking locks, while a guest may write");
}

void add_image_format(CLI::App& app, SourceOptions& source, const char* flag) {
  take_only(*app.add_option(flag, source.format, "Format of IMAGE itself; default: by its magic"), {"raw", "qcow2"});
}

void add_reading(CLI::App& app, SourceOptions& source) {
  add_force_share(app, source);
  add_allow(app, source);
  add_no_sandbox(app, source);
  add_no_backing(app, source);
  add_image_format(app, source);
}

void add_slice(CLI::App& app, SourceOptions& source) {
  add_layer(app, "--base", source.base, "Lowest layer of the view, by file or index (bottom: 1)");
  add_layer(app, "--top", source.top, "Highest layer of the view; default: IMAGE");
}

CLI::Option* add_output(CLI::App& app, OutputStyle& style) {
  return add_word_option<OutputStyle>(app, "--output", style,
                                      {{"human", OutputStyle::human}, {"json", OutputStyle::json}},
                                      "For people (default) or for programs");
}

std::optional<ImageFormat> chosen_format(const SourceOptions& source) {
  if (source.format.empty()) {
    return std::nullopt;
  }
  return source.format == "raw" ? ImageFormat::raw : ImageFormat::qcow2;
}

Locking locking_for(const SourceOptions& source) {
  return source.force_share ? Locking::none : Locking::shared_read;
}

Result<Chain> open_chain(const SourceOptions& source) {
  FileGate gate(locking_for(source), QC_TRY(AllowedFolders::only(source.allow)));
  return Chain::open(source.image, gate, chain_options(source));
}

Result<PartialChain> open_what_can_be(const SourceOptions& source) {
  FileGate gate(locking_for(source), QC_TRY(AllowedFolders::only(source.allow)));
  return Chain::open_what_can_be(source.image, gate, chain_options(source));
}

Result<Slice> open_slice(const SourceOptions& source, Io& io) {
  const Chain chain = QC_TRY(open_chain(source));
  Slice slice = QC_TRY(Slice::of(chain, source.base, source.top));
  if (const auto commit = commit_under_top(slice)) {
    io.err << fmt::format("qchain: note: {} does not read as it did before the commit of {} into {}{}\n",
                          printable(slice.chain.layer(slice.top).file), printable(commit->merged.back().path),
                          printable(commit->base.path),
                          commit->state < CommitState::done ? ", which is not finished" : "");
  }
  return slice;
}

}  // namespace qchain::cli
