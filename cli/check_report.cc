#include "cli/check_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/human.h"
#include "cli/json.h"

namespace qchain::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string place_text(const Finding& finding) {
  return finding.offset ? fmt::format(" at {:#x}", *finding.offset) : std::string();
}

Table counts_table(const ChainCheck& check) {
  Table table({Align::right, Align::left, Align::right, Align::right, Align::right, Align::right, Align::left});
  table.add({"LAYER", "FORMAT", "CLUSTERS", "CORRUPT", "LEAKED", "UNREADABLE", "FILE"});
  for (const LayerCheck& layer : check.layers) {
    const auto number = [&](std::uint64_t ImageCheck::* count) {
      return layer.metadata ? std::to_string((*layer.metadata).*count) : "-";
    };
    table.add({fmt::format("[{}]", layer.index), name_of(layer.format), number(&ImageCheck::allocated_clusters),
               number(&ImageCheck::corruptions), number(&ImageCheck::leaks),
               layer.metadata ? size_text(layer.metadata->unreadable_bytes) : "-", printable(layer.file)});
  }
  return table;
}

void print_findings(std::ostream& out, const LayerCheck& layer) {
  static const std::vector<Finding> none;
  const std::vector<Finding>& of_metadata = layer.metadata ? layer.metadata->findings.list() : none;
  if (of_metadata.empty() && layer.about_chain.empty()) {
    return;
  }
  out << fmt::format("\n[{}] {}\n", layer.index, printable(layer.file));
  for (const std::vector<Finding>* list : {&layer.about_chain, &of_metadata}) {
    for (const Finding& finding : *list) {
      out << fmt::format("    {}: {}{}\n", name_of(finding.severity), printable(finding.what), place_text(finding));
    }
  }
  if (layer.metadata && layer.metadata->findings.left_out() > 0) {
    out << fmt::format("    and {} findings more\n", layer.metadata->findings.left_out());
  }
}

std::string verdict_text(const ChainCheck& check) {
  if (check.damaged()) {
    return "damage found: copy --salvage saves what can be read, qemu-img check -r all repairs one image";
  }
  if (check.leaks() > 0) {
    return "no damage; leaked clusters only waste space: qemu-img check -r leaks frees them";
  }
  return "no damage found";
}

const char* verdict_word(const ChainCheck& check) {
  if (check.damaged()) {
    return "damaged";
  }
  return check.leaks() > 0 ? "leaks" : "clean";
}

Json finding_json(const Finding& finding) {
  Json json = {{"severity", name_of(finding.severity)}, {"what", finding.what}};
  if (finding.offset) {
    json["offset"] = *finding.offset;
  }
  return json;
}

void add_counts(Json& json, const ImageCheck& metadata) {
  json["check-errors"] = metadata.check_errors;
  json["corruptions"] = metadata.corruptions;
  json["leaks"] = metadata.leaks;
  json["image-end-offset"] = metadata.image_end_offset;
  json["total-clusters"] = metadata.total_clusters;
  json["allocated-clusters"] = metadata.allocated_clusters;
  json["fragmented-clusters"] = metadata.fragmented_clusters;
  json["compressed-clusters"] = metadata.compressed_clusters;
  json["overlaps"] = metadata.overlaps;
  json["unreadable-bytes"] = metadata.unreadable_bytes;
}

Json layer_json(const LayerCheck& layer) {
  Json json = {{"index", layer.index}, {"filename", layer.file}, {"format", name_of(layer.format)}};
  Json findings = Json::array();
  std::ranges::transform(layer.about_chain, std::back_inserter(findings), finding_json);
  if (layer.metadata) {
    add_counts(json, *layer.metadata);
    std::ranges::transform(layer.metadata->findings.list(), std::back_inserter(findings), finding_json);
  }
  json["findings"] = findings;
  json["findings-left-out"] = layer.metadata ? layer.metadata->findings.left_out() : 0;
  return json;
}

}  // namespace

void print_check_text(std::ostream& out, const ChainCheck& check) {
  counts_table(check).print(out);
  for (const LayerCheck& layer : check.layers) {
    print_findings(out, layer);
  }
  if (check.below) {
    out << fmt::format("\nwhat lies below can't be opened: {}\n", describe(*check.below));
  }
  out << '\n' << verdict_text(check) << '\n';
}

void print_check_json(std::ostream& out, const ChainCheck& check) {
  Json layers = Json::array();
  std::ranges::transform(check.layers, std::back_inserter(layers), layer_json);
  Json json = {{"status", verdict_word(check)}, {"layers", layers}};
  if (check.below) {
    json["below"] = describe(*check.below);
  }
  print_json(out, json);
}

}  // namespace qchain::cli
