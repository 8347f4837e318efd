#include "cli/map_entry.h"

namespace qchain::cli {

MapEntry entry_of(const Extent& extent) noexcept {
  MapEntry entry{.start = extent.start,
                 .length = extent.length,
                 .offset = no_offset,
                 .layer = extent.layer,
                 .present = true,
                 .zero = extent.reads_zero(),
                 .kind = extent.kind,
                 .fault = extent.fault};
  switch (extent.kind) {
    case ExtentKind::data:
    case ExtentKind::zero:
      entry.offset = extent.offset;
      break;
    case ExtentKind::hole:
      entry.offset = extent.offset;
      entry.present = extent.has_offset();  // a hole of a raw file: the file has it
      break;
    case ExtentKind::past_end:
      entry.present = false;
      ++entry.layer;  // the layer above the short one is where the search ended
      break;
    case ExtentKind::compressed:  // where the packed bytes lie is no place of the first byte
    case ExtentKind::broken:
      break;
  }
  return entry;
}

const std::string& file_of(const MapEntry& entry, const Slice& slice) {
  const Layer& layer = slice.chain.layer(entry.layer);
  const Storage& data = layer.image->data_storage();
  return &data != &layer.image->storage() ? data.name() : layer.file;
}

bool continues_as_in_qemu(const MapEntry& last, const MapEntry& next) noexcept {
  const bool alike = last.layer == next.layer && last.present == next.present && last.zero == next.zero &&
                     last.fault == next.fault && last.has_offset() == next.has_offset() &&
                     (last.kind == ExtentKind::compressed) == (next.kind == ExtentKind::compressed);
  return alike && (!last.has_offset() || last.offset + last.length == next.offset);
}

bool continues_in_kind(const MapEntry& last, const MapEntry& next) noexcept {
  return last.kind == next.kind && continues_as_in_qemu(last, next);
}

void walk_entries(const View& view, const Continues& continues, const std::function<bool(const MapEntry&)>& print) {
  ExtentWalk walk(view, {0, view.size()});
  auto extent = walk.next();
  if (!extent) {
    return;
  }
  MapEntry last = entry_of(*extent);
  while ((extent = walk.next())) {
    const MapEntry next = entry_of(*extent);
    if (continues(last, next)) {
      last.length += next.length;
    } else if (print(last)) {
      last = next;
    } else {
      return;
    }
  }
  print(last);
}

}  // namespace qchain::cli
