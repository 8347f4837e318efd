#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <utility>

#include "cli/command.h"
#include "cli/interrupts.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/verify_report.h"
#include "cli/word_option.h"
#include "qcow/commit/find_record.h"
#include "qcow/verify/disk_digest.h"

namespace qchain::cli {
namespace {

struct VerifyOptions {
  SourceOptions source;
  std::string target;
  std::string target_format;
  bool sha256 = false;
  OutputStyle output = OutputStyle::human;
  ProgressStyle progress = ProgressStyle::automatic;
};

/// SHA-256 of the view, if it was asked for.
Result<std::optional<DiskDigest>> digest_if_wanted(const VerifyOptions& options, const View& view,
                                                   const CompareOptions& how) {
  if (!options.sha256) {
    return std::nullopt;
  }
  return QC_TRY(
      digest_of(view, {0, view.size()}, {.kind = DigestKind::with_sha256, .progress = how.progress, .stop = how.stop}));
}

Result<ExitStatus> digest_only(const VerifyOptions& options, const CompareOptions& how, Io& io) {
  const View view(QC_TRY(open_slice(options.source, io)), ViewCaches{});
  print_digest(options.source.image, *QC_TRY(digest_if_wanted(options, view, how)), options.output, io.out);
  return ExitStatus::done;
}

Result<ExitStatus> verify_target(const VerifyOptions& options, const CompareOptions& how, Io& io) {
  const ViewCaches caches;
  const View view(QC_TRY(open_slice(options.source, io)), caches);
  SourceOptions target;
  target.image = options.target;
  target.format = options.target_format;
  target.force_share = options.source.force_share;
  target.allow = options.source.allow;
  const View other(QC_TRY(open_slice(target, io)), caches);
  const Comparison comparison = QC_TRY(compare(view, other, how));
  const auto digest = QC_TRY(digest_if_wanted(options, view, how));
  print_comparison(options.target, comparison, digest, options.output, io.out);
  return comparison.same() ? ExitStatus::done : ExitStatus::negative;
}

Result<ExitStatus> verify_base(const VerifyOptions& options, const CompareOptions& how, Io& io) {
  const AllowedFolders allowed = QC_TRY(AllowedFolders::only(options.source.allow));
  FileGate looking(Locking::none, allowed);
  const FoundRecord found = QC_TRY(find_record_in_chain(options.source.image, looking));
  FileRecordStore records(found.anchor);
  FileGate gate(locking_for(options.source), allowed);
  const std::string& base = found.anchor == options.source.image ? found.anchor : found.record.base.path;
  const CommitCheck check = QC_TRY_IN(base, verify_commit(records, gate, how));
  print_check(base, check, options.output, io.out);
  return check.good() ? ExitStatus::done : ExitStatus::negative;
}

/// What is given and says nothing without TARGET: a record knows by itself what it is about.
std::string_view option_for_a_target(const VerifyOptions& options) {
  const SourceOptions& source = options.source;
  const bool by_record = !options.sha256;
  const auto given =
      std::to_array<std::pair<bool, std::string_view>>({{!options.target_format.empty(), "--target-format"},
                                                        {by_record && !source.base.empty(), "--base"},
                                                        {by_record && !source.top.empty(), "--top"},
                                                        {by_record && source.no_backing, "--no-backing"},
                                                        {by_record && !source.format.empty(), "--format"}});
  const auto* const first = std::ranges::find_if(given, [](const auto& option) { return option.first; });
  return first != std::end(given) ? first->second : std::string_view{};
}

/// A TARGET that was forgotten must not be answered with something else.
Result<void> check_words(const VerifyOptions& options) {
  const std::string_view option = options.target.empty() ? option_for_a_target(options) : std::string_view{};
  if (option.empty()) {
    return {};
  }
  return std::unexpected(make_error(ErrorKind::invalid_argument, fmt::format("{} is given, and no TARGET", option))
                             .in(options.source.image)
                             .advise("name what it should be compared with, or leave the option out"));
}

Result<ExitStatus> verify(const VerifyOptions& options, Io& io) {
  QC_TRY(check_words(options));
  const Interrupts interrupts;  // before there are other threads
  Progress progress(io, options.progress, "Verify");
  CompareOptions how;
  how.progress = [&](std::uint64_t done, std::uint64_t total) { progress.update(done, total); };
  how.stop = interrupts.token();
  if (!options.target.empty()) {
    return verify_target(options, how, io);
  }
  return options.sha256 ? digest_only(options, how, io) : verify_base(options, how, io);
}

}  // namespace

Action declare_verify(CLI::App& app) {
  auto options = std::make_shared<VerifyOptions>();
  add_image(app, options->source);
  app.add_option("TARGET", options->target, "What should read as IMAGE does; none: see below")
      ->option_text(" ")
      ->check(refuse_empty);
  add_slice(app, options->source);
  take_only(*app.add_option("--target-format", options->target_format, "Format of TARGET; default: recognised"),
            {"raw", "qcow2"});
  app.add_flag("--sha256", options->sha256, "Print the SHA-256 of the view, as of a flat copy");
  add_output(app, options->output);
  add_progress(app, options->progress);
  add_force_share(app, options->source);
  add_allow(app, options->source);
  add_no_backing(app, options->source);
  add_image_format(app, options->source);
  app.footer(
      "Without TARGET, the record of a commit says what a base should read as: IMAGE is\n"
      "that base, an image above it, or the record (BASE.qchain.json) itself. But with\n"
      "--sha256 and without TARGET only the digest is printed.\n"
      "Exit status 0: they read the same; 1: they differ; 2: an error.\n"
      "\n"
      "Example: is the copy right?\n"
      "  qchain verify --top 2 vm.qcow2 old.qcow2\n"
      "Example: does a base still read as what was merged into it?\n"
      "  qchain verify base.raw\n"
      "Example: what sha256sum says of a flat raw copy, without making one\n"
      "  qchain verify --sha256 vm.qcow2");
  return [options](Io& io) { return verify(*options, io); };
}

}  // namespace qchain::cli
