#include "cli/info_json.h"

#include <nlohmann/json.hpp>

#include "cli/holder.h"
#include "cli/json.h"
#include "cli/json_array.h"

namespace qchain::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t nanoseconds_per_second = 1'000'000'000;

const char* compression_name(format::CompressionType type) {
  return type == format::CompressionType::zstd ? "zstd" : "zlib";
}

Json snapshot_json(const format::Snapshot& snapshot) {
  return {{"id", snapshot.id},
          {"name", snapshot.name},
          {"vm-state-size", snapshot.vm_state_size},
          {"date-sec", snapshot.date_seconds},
          {"date-nsec", snapshot.date_nanoseconds},
          {"vm-clock-sec", snapshot.vm_clock_nanoseconds / nanoseconds_per_second},
          {"vm-clock-nsec", snapshot.vm_clock_nanoseconds % nanoseconds_per_second},
          {"virtual-size", snapshot.virtual_size}};
}

Json bitmap_json(const format::Bitmap& bitmap) {
  Json flags = Json::array();
  if (bitmap.inconsistent) {
    flags.push_back("in-use");
  }
  if (bitmap.enabled) {
    flags.push_back("auto");
  }
  return {{"name", bitmap.name}, {"granularity", bitmap.granularity}, {"flags", flags}};
}

Json snapshots_json(const LayerFacts& layer) {
  Json array = Json::array();
  for (const format::Snapshot& snapshot : layer.snapshots) {
    array.push_back(snapshot_json(snapshot));
    if (!format::has_possible_l1(*layer.image().header(), snapshot)) {
      array.back()["broken"] = true;
    }
  }
  return array;
}

/// "untouched", or the state of the commit into this layer.
Json commit_json(const std::optional<CommitRecord>& record) {
  if (!record) {
    return {{"state", "untouched"}};
  }
  Json merged = Json::array();
  for (const RecordedFile& file : record->merged) {
    merged.push_back(file.path);
  }
  Json json = {{"state", name_of(record->state)},
               {"moved-to", record->moved_to},
               {"virtual-size", record->view_size},
               {"merged", merged}};
  if (record->kept && record->kept->complete) {
    json["kept-base"] = record->kept->file.path;
  }
  return json;
}

Json specific_json(const format::Header& header, const Json& bitmaps) {
  Json data = {{"compat", header.version == 2 ? "0.10" : "1.1"},
               {"compression-type", compression_name(header.compression)},
               {"refcount-bits", 1U << header.refcount_order}};
  if (header.version >= 3) {
    data["lazy-refcounts"] = (header.compatible & format::compatible_lazy_refcounts) != 0;
    data["corrupt"] = header.has(format::Incompatible::corrupt);
    data["extended-l2"] = header.has(format::Incompatible::extended_l2);
  }
  if (header.data_file) {
    data["data-file"] = *header.data_file;
    data["data-file-raw"] = header.raw_data_file();
  }
  if (!bitmaps.empty()) {
    data["bitmaps"] = bitmaps;
  }
  return {{"type", "qcow2"}, {"data", data}};
}

void add_backing(Json& json, const LayerFacts& layer) {
  if (layer.layer->backing_reference) {
    json["backing-filename"] = *layer.layer->backing_reference;
  }
  if (layer.is_cut_off) {
    json["backing-left-out"] = true;
  }
  if (layer.below) {
    json["full-backing-filename"] = *layer.below;
  }
  if (const format::Header* header = layer.image().header(); header != nullptr && header->backing_format) {
    json["backing-filename-format"] = *header->backing_format;
  }
}

Json layer_json(const LayerFacts& layer) {
  const format::Header* header = layer.image().header();
  const Json bitmaps = array_of(layer.bitmaps, bitmap_json);
  Json json = {{"index", layer.index},
               {"filename", layer.layer->file},
               {"format", name_of(layer.image().format())},
               {"virtual-size", layer.image().size()},
               {"actual-size", layer.image().storage().facts().bytes_on_disk},
               {"dirty-flag", header != nullptr && header->has(format::Incompatible::dirty)}};
  if (header != nullptr) {
    json["cluster-size"] = layer.image().cluster_size();
  }
  add_backing(json, layer);
  if (layer.has_data_file()) {
    json["full-data-filename"] = layer.image().data_storage().name();
    json["data-actual-size"] = layer.image().data_storage().facts().bytes_on_disk;
  }
  if (layer.overlaps > 0) {
    json["overlaps"] = layer.overlaps;
  }
  json["snapshots"] = snapshots_json(layer);
  json["bitmaps"] = bitmaps;
  json["holders"] = array_of(layer.holders, holder_json);
  json["commit"] = commit_json(layer.commit);
  if (header != nullptr) {
    json["format-specific"] = specific_json(*header, bitmaps);
  }
  return json;
}

Json protections_json(const sandbox::Protections& protections) {
  return {{"no-new-privileges", protections.no_new_privileges},
          {"landlock", protections.landlock},
          {"system-calls", protections.system_calls}};
}

}  // namespace

void print_info_json(std::ostream& out, const InfoToPrint& info) {
  Json json = array_of(info.layers, layer_json);
  if (info.protections != nullptr) {
    json.front()["protections"] = protections_json(*info.protections);  // the array is qemu-img's: an object a layer
  }
  print_json(out, json);
}

}  // namespace qchain::cli
