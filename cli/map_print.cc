#include "cli/map_print.h"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "cli/human.h"
#include "cli/json.h"
#include "cli/map_entry.h"

namespace qchain::cli {
namespace {

/// A hole only because the backing file was left out.
bool may_be_below(const MapEntry& entry, const Slice& slice) {
  return entry.kind == ExtentKind::hole && !entry.has_offset() && slice.base == 0 && slice.chain.is_cut_off();
}

/// Who gives the bytes: "[2] a.qcow2", or what there is to say where no layer does.
std::string source_text(const MapEntry& entry, const Slice& slice) {
  switch (entry.kind) {
    case ExtentKind::hole:
      if (!entry.has_offset()) {
        return may_be_below(entry, slice) ? "- (backing file left out)" : "-";
      }
      break;
    case ExtentKind::past_end:  // the layer below the one that decides is the short one
      return fmt::format("[{}] {} is shorter", entry.layer, printable(slice.chain.layer(entry.layer - 1).file));
    case ExtentKind::broken:
      return fmt::format("[{}] {}: {}", entry.layer + 1, printable(slice.chain.layer(entry.layer).file),
                         format::describe(entry.fault));
    default:
      break;
  }
  return fmt::format("[{}] {}", entry.layer + 1, printable(file_of(entry, slice)));
}

std::string json_text(const MapEntry& entry, const Slice& slice) {
  std::string text = fmt::format(
      R"({{ "start": {}, "length": {}, "depth": {}, "present": {}, "zero": {}, "data": {}, "compressed": {})",
      entry.start, entry.length, depth_of(entry, slice), entry.present, entry.zero, entry.data(),
      entry.kind == ExtentKind::compressed);
  if (entry.has_offset()) {
    text += fmt::format(R"(, "offset": {})", entry.offset);
  }
  text += fmt::format(R"(, "layer": {})", entry.layer + 1);
  if (entry.present) {
    text += R"(, "filename": )" + json_string(file_of(entry, slice));
  }
  if (may_be_below(entry, slice)) {
    text += R"(, "backing-left-out": true)";
  }
  if (entry.kind == ExtentKind::broken) {
    text += R"(, "broken": true, "fault": )" + json_string(format::describe(entry.fault));
  }
  return text + '}';
}

}  // namespace

void print_map_text(std::ostream& out, const View& view) {
  const std::size_t width = std::max(std::to_string(view.size()).size(), std::string_view("LENGTH").size());
  const auto line = [&](const auto& start, const auto& length, const char* kind, const auto& offset,
                        const std::string& source) {
    out << fmt::format("{:>{}}  {:>{}}  {:<10}  {:>{}}  {}\n", start, width, length, width, kind, offset, width,
                       source);
  };
  line("START", "LENGTH", "KIND", "OFFSET", "LAYER");
  walk_entries(view, continues_in_kind, [&](const MapEntry& entry) {
    line(entry.start, entry.length, name_of(entry.kind), entry.has_offset() ? std::to_string(entry.offset) : "-",
         source_text(entry, view.slice()));
    return out.good();
  });
}

void print_map_json(std::ostream& out, const View& view) {
  const char* before = "[";
  walk_entries(view, continues_as_in_qemu, [&](const MapEntry& entry) {
    out << before << json_text(entry, view.slice());
    before = ",\n";
    return out.good();
  });
  out << (view.size() == 0 ? "[]\n" : "]\n");
}

}  // namespace qchain::cli
