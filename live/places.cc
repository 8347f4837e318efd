#include "live/places.h"

#include <algorithm>

#include "live/disk_chain.h"
#include "live/failure.h"

namespace qchain::live {
namespace {

bool is_file(const DiskLayer& layer, const RecordedFile& file) {
  return identity_of(layer.file) == file.identity;
}

}  // namespace

Result<Places> places_of(const CommitRecord& record, const Disk& disk) {
  const auto& layers = disk.layers;
  Places places;
  while (places.base + 1 < layers.size() && !is_file(layers[places.base], record.base)) {
    ++places.base;
  }
  places.top = places.base + record.merged.size();
  const auto overlay_is = [&](std::size_t position) {
    return position < layers.size() && (!record.overlay || is_file(layers[position], *record.overlay));
  };
  places.switched = record.overlay && overlay_is(places.base + 1);
  if (record.overlay && record.live && overlay_is(places.base + 2) &&
      std::ranges::any_of(record.live->temporaries,
                          [&](const RecordedFile& file) { return is_file(layers[places.base + 1], file); })) {
    places.inserted = true;
    places.top = places.base + 1;
    return places;
  }
  bool as_recorded = places.switched || (overlay_is(places.top + 1) == record.overlay.has_value());
  for (std::size_t i = 0; as_recorded && !places.switched && i < record.merged.size(); ++i) {
    as_recorded = places.base + 1 + i < layers.size() && is_file(layers[places.base + 1 + i], record.merged[i]);
  }
  if (!as_recorded || !is_file(layers[places.base], record.base)) {
    return std::unexpected(make_error(ErrorKind::refused, "its chain is not the one that a commit was begun on")
                               .in(disk.name)
                               .advise("finish that commit first, with the guest shut down: " +
                                       offline_command(record, disk.active().file)));
  }
  return places;
}

}  // namespace qchain::live
