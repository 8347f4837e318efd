#include "cli/holder.h"
#include "cli/json.h"
#include "cli/json_array.h"
#include "cli/listing.h"

namespace qchain::cli {
namespace {

using Json = nlohmann::ordered_json;

void add_facts(Json& json, const ImageFacts& facts) {
  json["format"] = name_of(facts.format);
  json["virtual-size"] = facts.virtual_size;
  json["actual-size"] = facts.bytes_on_disk;
  if (facts.cluster_size > 0) {
    json["cluster-size"] = facts.cluster_size;
  }
  if (facts.backing_reference) {
    json["backing-filename"] = *facts.backing_reference;
  }
  if (facts.backing_format) {
    json["backing-filename-format"] = *facts.backing_format;
  }
}

Json image_json(const Catalog& catalog, std::size_t place, const std::vector<LockHolder>& holders) {
  const CatalogImage& image = catalog.images[place];
  Json json = {{"filename", image.file}, {"state", name_of(image.state)}};
  if (image.fault) {
    json["error"] = describe(*image.fault);
  }
  if (image.facts) {
    add_facts(json, *image.facts);
  }
  if (image.backing) {
    json["full-backing-filename"] = catalog.images[*image.backing].file;
  }
  Json overlays = Json::array();
  for (const std::size_t overlay : image.overlays) {
    overlays.push_back(catalog.images[overlay].file);
  }
  json["overlays"] = overlays;
  json["holders"] = array_of(holders, holder_json);
  return json;
}

}  // namespace

void print_list_json(std::ostream& out, const Listing& listing) {
  Json images = Json::array();
  for (const TreeLine& line : tree_lines(listing.catalog)) {
    images.push_back(image_json(listing.catalog, line.image, listing.holders[line.image]));
  }
  print_json(out, images);
}

}  // namespace qchain::cli
