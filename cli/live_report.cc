#include "cli/live_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/human.h"
#include "cli/json.h"
#include "cli/plan_report.h"

namespace qchain::cli {
namespace {

using Json = nlohmann::ordered_json;

Json layers_json(const std::vector<live::DiskLayer>& layers) {
  Json list = Json::array();
  for (const live::DiskLayer& layer : layers) {
    list.push_back(
        {{"index", layer.index}, {"filename", layer.file}, {"format", name_of(layer.format)}, {"node", layer.node}});
  }
  return list;
}

Json report_json(const live::LiveReport& report) {
  return {{"engine", name_of(report.engine.engine)},       {"engine-reason", report.engine.reason},
          {"record", Json::parse(to_json(report.record))}, {"chain", layers_json(report.chain)},
          {"compared", report.comparison.compared},        {"copy-seconds", report.times.copy.count()},
          {"verify-seconds", report.times.verify.count()}, {"switch-seconds", report.times.switching.count()},
          {"guest-stopped", report.guest_stopped},         {"was-finished", report.was_finished}};
}

std::string seconds_text(const live::LiveTimes& times) {
  return fmt::format("copy {:.2f} s, verify {:.2f} s, switch {:.2f} s", times.copy.count(), times.verify.count(),
                     times.switching.count());
}

std::string outcome_text(const live::LiveRequest& request, const live::LiveReport& report) {
  const CommitRecord& record = report.record;
  const std::string what = record.merged.size() == 1 ? "1 layer" : fmt::format("{} layers", record.merged.size());
  const std::string base = printable(record.base.path);
  if (request.ending == live::Ending::keep_overlay) {
    return fmt::format("{}: {} copied; the guest goes on in {}, with --pivot the next time it ends", base, what,
                       printable(report.chain.back().file));
  }
  const std::string after = record.overlay ? fmt::format("{} is backed by '{}' now", printable(record.overlay->path),
                                                         printable(record.backing_name))
                                           : "the guest goes on in it";
  return fmt::format("{}: {} merged; {}", base, what, after);
}

/// Which engine it is, and why: one line.
void print_engine(const live::EngineDecision& engine, std::ostream& out) {
  const std::string why = engine.reason.empty() ? "" : " (" + printable(engine.reason) + ")";
  out << "engine: " << name_of(engine.engine) << why << '\n';
}

}  // namespace

void print_live_commit(const live::LiveRequest& request, const live::LiveReport& report, OutputStyle style,
                       std::ostream& out) {
  if (style == OutputStyle::json) {
    print_json(out, report_json(report));
    return;
  }
  out << (report.was_finished ? "was merged already: " : "") << outcome_text(request, report) << '\n';
  if (!report.was_finished) {
    print_engine(report.engine, out);
    out << seconds_text(report.times) << (report.guest_stopped ? "; QEMU stopped the guest meanwhile" : "") << '\n';
  }
}

void print_live_plan(const live::LivePlan& plan, OutputStyle style, std::ostream& out) {
  if (style == OutputStyle::json) {
    Json json = plan_json(plan.plan);
    json["engine"] = name_of(plan.engine.engine);
    json["engine-reason"] = plan.engine.reason;
    print_json(out, json);
    return;
  }
  print_plan(plan.plan, style, out);
  print_engine(plan.engine, out);
}

void print_disks(const std::vector<live::Disk>& disks, OutputStyle style, std::ostream& out) {
  if (style == OutputStyle::json) {
    Json list = Json::array();
    for (const live::Disk& disk : disks) {
      list.push_back({{"disk", disk.name},
                      {"device", disk.device},
                      {"active", disk.active().file},
                      {"job", disk.job ? Json(*disk.job) : Json()},
                      {"chain", layers_json(disk.layers)}});
    }
    print_json(out, list);
    return;
  }
  Table table({Align::left, Align::left, Align::left, Align::left});
  table.add({"DISK", "LAYER", "FORMAT", "FILE"});
  for (const live::Disk& disk : disks) {
    for (auto layer = disk.layers.rbegin(); layer != disk.layers.rend(); ++layer) {
      const bool is_active = layer == disk.layers.rbegin();
      table.add({is_active ? printable(disk.name) : "", fmt::format("[{}]", layer->index), name_of(layer->format),
                 printable(layer->file) + (is_active ? "  (active)" : "")});
    }
  }
  table.print(out);
  for (const live::Disk& disk : disks) {
    if (disk.job) {
      out << fmt::format("{}: block job '{}' runs on it\n", printable(disk.name), printable(*disk.job));
    }
  }
}

}  // namespace qchain::cli
