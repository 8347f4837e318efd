#include "cli/plan_report.h"

#include <fmt/format.h>

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

}  // namespace

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

namespace {

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

}  // namespace

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

}  // namespace qchain::cli
