#include "qcow/format/header_draft.h"

#include <algorithm>

#include "qcow/format/header_layout.h"
#include "qcow/format/limits.h"

namespace qchain::format {

std::uint64_t ExtensionPlace::end() const {
  return offset + extension_header_size + align_up(length, 8);
}

/// The header was parsed before, so that every extension lies inside its area.
HeaderLayout layout_of(Bytes cluster) {
  HeaderLayout layout;
  const bool v2 = load_be<std::uint32_t>(cluster, at::version) == 2;
  layout.header_length = v2 ? v2_header_length : load_be<std::uint32_t>(cluster, at::header_length);
  layout.old_name = {load_be<std::uint64_t>(cluster, at::backing_offset),
                     load_be<std::uint32_t>(cluster, at::backing_size)};
  const std::uint64_t area_end = layout.old_name.start != 0 ? layout.old_name.start : cluster.size();
  std::uint64_t offset = layout.header_length;
  while (fits(offset, extension_header_size, area_end)) {
    const ExtensionPlace place{load_be<std::uint32_t>(cluster, offset), offset,
                               load_be<std::uint32_t>(cluster, offset + 4)};
    if (place.type == type_end) {
      offset += extension_header_size;
      layout.has_end_marker = true;
      break;
    }
    layout.extensions.push_back(place);
    offset = place.end();
  }
  layout.extensions_end = offset;
  return layout;
}

std::vector<std::byte> extension_bytes(std::uint32_t type, Bytes data) {
  std::vector<std::byte> bytes(extension_header_size + align_up(data.size(), 8));
  store_be(bytes, 0, type);
  store_be(bytes, 4, static_cast<std::uint32_t>(data.size()));
  std::ranges::copy(data, bytes.begin() + extension_header_size);
  return bytes;
}

HeaderDraft draft_with(Bytes cluster, const HeaderLayout& layout, Bytes extension) {
  HeaderDraft bytes;
  const auto take = [&](Bytes part) { bytes.insert(bytes.end(), part.begin(), part.end()); };
  take(cluster.first(layout.header_length));
  take(extension);
  const auto type = load_be<std::uint32_t>(extension, 0);
  for (const ExtensionPlace& place : layout.extensions) {
    if (place.type != type && place.type != type_feature_names) {
      // The last one's padding may be cut by the cluster's end.
      take(cluster.subspan(place.offset, std::min<std::uint64_t>(place.end(), cluster.size()) - place.offset));
    }
  }
  bytes.resize(bytes.size() + extension_header_size);  // the end marker is all zeros
  return bytes;
}

std::optional<std::uint64_t> place_for_name(std::uint64_t size, std::uint64_t cluster_size, std::uint64_t draft_end,
                                            const HeaderLayout& layout) {
  // Inside the first sector the old name may be overwritten: that sector changes in one step.
  const std::uint64_t in_sector = align_up(draft_end, 8);
  if (fits(in_sector, size, sector)) {
    return in_sector;
  }
  const std::uint64_t first_free = align_up(std::max({sector, draft_end, layout.extensions_end}), 8);
  const std::uint64_t behind_all = align_up(std::max(first_free, layout.old_name.end()), 8);
  if (fits(behind_all, size, cluster_size)) {
    return behind_all;
  }
  return fits(first_free, size, layout.old_name.start) ? std::optional(first_free) : std::nullopt;
}

}  // namespace qchain::format
