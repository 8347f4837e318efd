#include "cli/commit_report.h"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/human.h"
#include "cli/json.h"

namespace qchain::cli {
namespace {

using Json = nlohmann::ordered_json;

Json layer_json(const Selection& selection, std::size_t position) {
  const Layer& layer = selection.chain.layer(position);
  return {{"index", position + 1}, {"filename", layer.file}, {"format", name_of(layer.image->format())}};
}

Json keep_json(const std::optional<KeepPlan>& keep) {
  if (!keep) {
    return {};
  }
  return {{"filename", keep->file},
          {"by", keep->by == KeptBy::sharing ? "sharing" : "copying"},
          {"bytes", keep->bytes},
          {"complete", keep->is_kept}};
}

Json plan_json(const CommitPlan& plan) {
  const Selection& selection = plan.selection;
  Json merged = Json::array();
  for (std::size_t i = selection.base + 1; i <= selection.top; ++i) {
    merged.push_back(layer_json(selection, i));
  }
  Json siblings = Json::array();
  for (const Sibling& sibling : plan.siblings) {
    siblings.push_back({{"filename", sibling.file}, {"layer", sibling.hangs_on + 1}});
  }
  Json bitmaps = Json::array();
  for (const LayerBitmap& bitmap : plan.bitmaps) {
    bitmaps.push_back({{"layer", bitmap.layer + 1}, {"name", bitmap.bitmap.name}, {"becomes", name_of(bitmap.fate)}});
  }
  Json refusals = Json::array();
  for (const Error& refusal : plan.refusals) {
    refusals.push_back(describe(refusal));
  }
  return {{"base", layer_json(selection, selection.base)},
          {"merged", merged},
          {"overlay", selection.overlay() ? layer_json(selection, *selection.overlay()) : Json()},
          {"backing-filename", plan.backing_name},
          {"copied", plan.totals.copied},
          {"cloned", plan.totals.cloned},
          {"zeroed", plan.totals.zeroed},
          {"new-bytes", plan.new_bytes},
          {"free-bytes", plan.free_bytes},
          {"growth", plan.growth()},
          {"kept-base", keep_json(plan.keep)},
          {"siblings", siblings},
          {"bitmaps", bitmaps},
          {"refusals", refusals}};
}

void print_row(std::ostream& out, std::string_view name, std::string_view text) {
  out << fmt::format("  {:<12} {}\n", name, text);
}

std::string size_with_bytes(std::uint64_t bytes) {
  return fmt::format("{} ({} bytes)", size_text(bytes), bytes);
}

void print_keeping(const KeepPlan& keep, std::ostream& out) {
  std::string how = "blocks shared, in an instant";
  if (keep.is_kept) {
    how = "an earlier run did it";
  } else if (keep.by == KeptBy::copying) {
    how = "copied, at most " + size_with_bytes(keep.bytes);
  }
  print_row(out, "keep base", fmt::format("as {}: {}", printable(keep.file), how));
}

void print_layers(const CommitPlan& plan, std::ostream& out) {
  const Selection& selection = plan.selection;
  print_row(out, "into", fmt::format("[{}] {}", selection.base + 1, printable(selection.base_layer().file)));
  for (std::size_t i = selection.base + 1; i <= selection.top; ++i) {
    print_row(out, i == selection.base + 1 ? "merge" : "",
              fmt::format("[{}] {}", i + 1, printable(selection.chain.layer(i).file)));
  }
  if (const auto overlay = selection.overlay()) {
    print_row(out, "then",
              fmt::format("[{}] {} is backed by '{}'", *overlay + 1, printable(selection.chain.layer(*overlay).file),
                          printable(plan.backing_name)));
  }
}

const char* fate_text(BitmapFate fate) {
  switch (fate) {
    case BitmapFate::updated:
      return "is kept and updated";
    case BitmapFate::kept:
      return "is kept as it is";
    case BitmapFate::inconsistent:
      return "is inconsistent, and stays so";
    case BitmapFate::merged:
      return "is merged into the base";
    case BitmapFate::dropped:
      break;
  }
  return "is dropped with its layer";
}

void print_bitmaps(const CommitRecord& record, std::ostream& out) {
  for (const RecordedBitmap& bitmap : record.bitmaps) {
    out << fmt::format("{}: bitmap '{}' {}\n", printable(bitmap.file), printable(bitmap.name), fate_text(bitmap.fate));
  }
}

void print_notes(const CommitPlan& plan, std::ostream& out) {
  for (const Sibling& sibling : plan.siblings) {
    print_row(out, "hangs on", fmt::format("[{}]: {}", sibling.hangs_on + 1, printable(sibling.file)));
  }
  for (const LayerBitmap& bitmap : plan.bitmaps) {
    print_row(out, "bitmap",
              fmt::format("[{}] '{}' {}", bitmap.layer + 1, printable(bitmap.bitmap.name), fate_text(bitmap.fate)));
  }
  for (const Error& refusal : plan.refusals) {
    print_row(out, "refused", describe(refusal));
  }
}

/// Of a base on a block device it is not: then the user has to be told.
bool is_beside_base(const CommitReport& report) {
  std::error_code error;
  return std::filesystem::equivalent(report.anchor, report.record.base.path, error);
}

std::string finished_text(const CommitRecord& record) {
  const std::string what = record.merged.size() == 1 ? "1 layer" : fmt::format("{} layers", record.merged.size());
  std::string text =
      fmt::format("{}: {} merged, {} copied, {} shared, {} zeroed", printable(record.base.path), what,
                  size_text(record.outcome.copied), size_text(record.outcome.cloned), size_text(record.outcome.zeroed));
  if (record.overlay) {
    text += fmt::format("; {} is backed by '{}' now", printable(record.overlay->path), printable(record.backing_name));
  }
  if (record.kept) {
    text += fmt::format("; as it was, it is kept as {}", printable(record.kept->file.path));
  }
  return text + "\n";
}

void add_difference(Json& json, const Comparison& comparison) {
  json["different"] = comparison.different;
  if (comparison.first_difference) {
    json["first-difference"] = {{"start", comparison.first_difference->start},
                                {"length", comparison.first_difference->length}};
  }
}

std::string difference_text(const Comparison& comparison) {
  return fmt::format("{} bytes in all, the first {} at byte {}", comparison.different,
                     comparison.first_difference->length, comparison.first_difference->start);
}

std::string sha256_text(const DiskDigest& digest) {
  return fmt::format("SHA-256 {} of {} bytes\n", digest.sha256, digest.size);
}

void print_digest_check(const std::string& base, const CommitCheck& check, OutputStyle style, std::ostream& out) {
  const bool located = check.comparison.first_difference.has_value();
  if (style == OutputStyle::json) {
    Json json = {{"target", base}, {"same", check.digest_agrees}, {"by", "digest"}};
    if (located || check.digest_agrees) {
      add_difference(json, check.comparison);
    }
    json["compared"] = check.comparison.compared;
    print_json(out, json);
    return;
  }
  out << fmt::format(
      "{}: {}{}\n", printable(base),
      check.digest_agrees ? "same: reads as what was merged (by digest)" : "differs from what was merged (by digest)",
      located ? ": " + difference_text(check.comparison) : std::string());
}

Json whole_json(const std::string& base, const CommitCheck& check) {
  Json json = {{"target", base},
               {"same", check.digest_agrees},
               {"by", "whole"},
               {"size", check.whole->view.size + check.whole->tail.size},
               {"before-first-write", check.whole->before_first_write}};
  if (!check.whole->view.sha256.empty()) {
    json["sha256"] = check.whole->view.sha256;
  }
  if (check.comparison.first_difference) {
    add_difference(json, check.comparison);
  }
  return json;
}

/// Where it differs, as far as that can be told.
std::string whole_difference_text(const CommitCheck& check) {
  if (check.comparison.first_difference) {
    return difference_text(check.comparison);
  }
  return check.difference.in_view ? "in bytes that no merged layer holds or can tell"
                                  : fmt::format("behind the view's end, byte {}", check.whole->view.size);
}

void print_whole_check(const std::string& base, const CommitCheck& check, OutputStyle style, std::ostream& out) {
  if (style == OutputStyle::json) {
    print_json(out, whole_json(base, check));
    return;
  }
  const char* const when = check.whole->before_first_write ? "before the first write" : "when the commit went on";
  if (!check.digest_agrees) {
    out << fmt::format("{}: differs from what was read {}: {}\n", printable(base), when, whole_difference_text(check));
    return;
  }
  out << fmt::format("{}: same: all {} read back as they were read {}\n", printable(base),
                     size_text(check.whole->view.size + check.whole->tail.size), when);
  if (!check.whole->view.sha256.empty()) {
    out << sha256_text(check.whole->view);
  }
}

}  // namespace

void print_plan(const CommitPlan& plan, OutputStyle style, std::ostream& out) {
  if (style == OutputStyle::json) {
    print_json(out, plan_json(plan));
    return;
  }
  out << "Plan, nothing is written:\n";
  print_layers(plan, out);
  if (plan.keep) {
    print_keeping(*plan.keep, out);
  }
  print_row(out, "copy", size_with_bytes(plan.totals.copied));
  print_row(out, "share", size_with_bytes(plan.totals.cloned));
  print_row(out, "zero", size_with_bytes(plan.totals.zeroed));
  print_row(out, "base grows", size_with_bytes(plan.growth()));
  print_row(out, "new on disk",
            fmt::format("at most {}, {} are free", size_text(plan.new_bytes), size_text(plan.free_bytes)));
  print_notes(plan, out);
}

void print_commit(const CommitReport& report, OutputStyle style, std::ostream& out) {
  if (style == OutputStyle::json) {
    print_json(out, Json::parse(to_json(report.record)));
    return;
  }
  out << (report.was_finished ? "was merged already: " : "") << finished_text(report.record);
  if (!is_beside_base(report)) {
    out << fmt::format("record: {}\n", printable(FileRecordStore(report.anchor).path()));
  }
  print_bitmaps(report.record, out);
}

void print_comparison(const std::string& target, const Comparison& comparison, const std::optional<DiskDigest>& digest,
                      OutputStyle style, std::ostream& out) {
  if (style == OutputStyle::json) {
    Json json = {{"target", target}, {"same", comparison.same()}};
    add_difference(json, comparison);
    json["compared"] = comparison.compared;
    if (digest) {
      json["sha256"] = digest->sha256;
    }
    print_json(out, json);
    return;
  }
  out << fmt::format("{}: {}\n", printable(target),
                     comparison.same()
                         ? fmt::format("same ({} compared, the rest needed no reading)", size_text(comparison.compared))
                         : "differs: " + difference_text(comparison));
  if (digest) {
    out << sha256_text(*digest);
  }
}

void print_digest(const std::string& image, const DiskDigest& digest, OutputStyle style, std::ostream& out) {
  if (style == OutputStyle::json) {
    print_json(out, {{"image", image}, {"size", digest.size}, {"sha256", digest.sha256}});
    return;
  }
  out << sha256_text(digest);
}

void print_check(const std::string& base, const CommitCheck& check, OutputStyle style, std::ostream& out) {
  switch (check.by) {
    case CheckedBy::layers:
      print_comparison(base, check.comparison, std::nullopt, style, out);
      break;
    case CheckedBy::digest:
      print_digest_check(base, check, style, out);
      break;
    case CheckedBy::whole:
      print_whole_check(base, check, style, out);
      break;
  }
}

void print_retirement(const Retirement& retirement, OutputStyle style, std::ostream& out) {
  if (style == OutputStyle::json) {
    print_json(out, {{"deleted", retirement.deleted}});
    return;
  }
  if (retirement.deleted.empty()) {
    out << "nothing left to delete\n";
  }
  for (const std::string& file : retirement.deleted) {
    out << fmt::format("deleted {}\n", printable(file));
  }
}

Error cut_off_after_merge(Error error, const std::string& base, std::string_view command) {
  if (error.kind != ErrorKind::interrupted) {
    return error;
  }
  return std::move(error).in(base).advise(
      fmt::format("the layers are merged into it; qchain {} on it goes on", command));
}

}  // namespace qchain::cli
