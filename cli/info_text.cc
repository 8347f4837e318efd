#include "cli/info_text.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>
#include <ostream>

#include "cli/holder.h"
#include "cli/human.h"

namespace qchain::cli {
namespace {

using Notes = std::vector<std::string>;

std::string backing_text(const LayerFacts& layer) {
  if (!layer.layer->backing_reference) {
    return "-";
  }
  const auto& backing_format = layer.image().header()->backing_format;
  return printable(*layer.layer->backing_reference) + (backing_format ? " (" + printable(*backing_format) + ")" : "");
}

std::string cluster_text(const Image& image) {
  return image.header() != nullptr ? size_text(image.cluster_size()) : "-";
}

Table layer_table(const std::vector<LayerFacts>& layers) {
  Table table({Align::right, Align::left, Align::right, Align::right, Align::right, Align::left, Align::left});
  table.add({"LAYER", "FORMAT", "VIRTUAL", "ON DISK", "CLUSTER", "FILE", "BACKING FILE"});
  for (const LayerFacts& layer : layers) {
    const Image& image = layer.image();
    table.add({fmt::format("[{}]", layer.index), name_of(image.format()), size_text(image.size()),
               size_text(image.storage().facts().bytes_on_disk), cluster_text(image), printable(layer.layer->file),
               backing_text(layer)});
  }
  return table;
}

void note_header(const format::Header& header, Notes& notes) {
  const auto note_if = [&notes](bool holds, const char* text) {
    if (holds) {
      notes.emplace_back(text);
    }
  };
  note_if(header.has(format::Incompatible::corrupt), "marked corrupt: repair it with qemu-img check -r");
  note_if(header.has(format::Incompatible::dirty), "marked dirty: not closed properly, its refcounts may be wrong");
  note_if(header.version == 2, "qcow2 version 2 (compat=0.10)");
  note_if(header.compression == format::CompressionType::zstd, "compression type zstd");
  note_if(header.has(format::Incompatible::extended_l2), "extended L2 entries (subclusters)");
  note_if((header.compatible & format::compatible_lazy_refcounts) != 0, "lazy refcounts");
  note_if(!header.unknown_extensions.empty(), "header extensions unknown to qchain");
}

void note_data_file(const LayerFacts& layer, Notes& notes) {
  if (layer.has_data_file()) {
    const Storage& data = layer.image().data_storage();
    notes.push_back(fmt::format("data file {}{}, {} on disk", printable(data.name()),
                                layer.image().header()->raw_data_file() ? " (raw)" : "",
                                size_text(data.facts().bytes_on_disk)));
  }
}

std::string date_text(std::uint64_t seconds) {
  constexpr std::uint64_t last = 253'402'300'799;  // the year 9999; more is nonsense and breaks localtime
  return seconds > last ? "date unknown"
                        : fmt::format("{:%Y-%m-%d %H:%M:%S}", fmt::localtime(static_cast<std::time_t>(seconds)));
}

void note_snapshots(const LayerFacts& layer, Notes& notes) {
  for (const format::Snapshot& snapshot : layer.snapshots) {
    notes.push_back(fmt::format(
        "internal snapshot {} '{}': {}, {}, VM state {}{}", printable(snapshot.id), printable(snapshot.name),
        date_text(snapshot.date_seconds), size_text(snapshot.virtual_size), size_text(snapshot.vm_state_size),
        format::has_possible_l1(*layer.image().header(), snapshot) ? "" : "; broken: its L1 table is impossible"));
  }
}

void note_bitmaps(const LayerFacts& layer, Notes& notes) {
  for (const format::Bitmap& bitmap : layer.bitmaps) {
    notes.push_back(fmt::format("bitmap '{}': granularity {}, {}{}", printable(bitmap.name),
                                size_text(bitmap.granularity), bitmap.enabled ? "enabled" : "disabled",
                                bitmap.inconsistent ? ", inconsistent (in use)" : ""));
  }
}

void note_holders(const LayerFacts& layer, Notes& notes) {
  for (const LockHolder& holder : layer.holders) {
    notes.push_back(holder_text(holder));
  }
}

void note_commit(const LayerFacts& layer, Notes& notes) {
  if (!layer.commit) {
    return;
  }
  const CommitRecord& record = *layer.commit;
  std::string text = fmt::format("commit into it: {}", name_of(record.state));
  if (record.state == CommitState::copying && record.view_size > 0) {
    text += fmt::format(", {} % safe", record.moved_to * 100 / record.view_size);
  }
  if (record.state < CommitState::done) {
    text += "; the same qchain commit again goes on";
  }
  notes.push_back(text);
  if (record.kept && record.kept->complete) {
    notes.push_back(fmt::format("as it was before that commit, it is kept as {}", printable(record.kept->file.path)));
  }
}

Notes notes_of(const LayerFacts& layer) {
  Notes notes;
  if (layer.is_cut_off) {
    notes.emplace_back("its backing file is left out: what this image does not have reads as zeros");
  }
  if (layer.overlaps > 0) {
    notes.push_back(fmt::format("metadata share {} clusters with something else: do not write to it, see qchain check",
                                layer.overlaps));
  }
  note_holders(layer, notes);
  note_commit(layer, notes);
  if (const format::Header* header = layer.image().header()) {
    note_header(*header, notes);
  }
  note_data_file(layer, notes);
  note_snapshots(layer, notes);
  note_bitmaps(layer, notes);
  return notes;
}

void print_protections(std::ostream& out, const sandbox::Protections& protections) {
  const auto on_or_off = [](bool on) { return on ? "on" : "off"; };
  out << "\nwhile images are read\n"
      << fmt::format("    no new privileges: {}\n", on_or_off(protections.no_new_privileges))
      << fmt::format("    Landlock (files by name): {}\n",
                     protections.landlock > 0 ? fmt::format("on, version {}", protections.landlock) : "off")
      << fmt::format("    seccomp (system calls): {}\n", on_or_off(protections.system_calls));
}

}  // namespace

void print_info_text(std::ostream& out, const InfoToPrint& info) {
  const std::vector<LayerFacts>& layers = info.layers;
  const std::uint64_t size = layers.front().image().size();
  out << fmt::format("{} {}, {} ({} bytes), active first\n\n", layers.size(), layers.size() == 1 ? "layer" : "layers",
                     size_text(size), size);
  layer_table(layers).print(out);
  for (const LayerFacts& layer : layers) {
    const Notes notes = notes_of(layer);
    if (!notes.empty()) {
      out << fmt::format("\n[{}] {}\n", layer.index, printable(layer.layer->file));
    }
    for (const std::string& note : notes) {
      out << "    " << note << '\n';
    }
  }
  if (info.protections != nullptr) {
    print_protections(out, *info.protections);
  }
}

}  // namespace qchain::cli
