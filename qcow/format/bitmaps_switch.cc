#include "qcow/format/bitmaps_switch.h"

#include <algorithm>
#include <optional>

#include "qcow/core/range.h"
#include "qcow/format/header_draft.h"
#include "qcow/format/header_layout.h"

namespace qchain::format {
namespace {

constexpr std::size_t data_size = 24;
using ExtensionData = std::array<std::byte, data_size>;

ExtensionData data_of(const BitmapsExtension& bitmaps) {
  ExtensionData data{};
  store_be(data, 0, bitmaps.count);
  store_be(data, 8, bitmaps.directory_size);
  store_be(data, 16, bitmaps.directory_offset);
  return data;
}

/// Changes the extension where it stands; nothing, where it is not there, not counted, or in two sectors.
std::optional<BitmapsSwitch> in_place(Bytes cluster, const HeaderLayout& layout, const ExtensionData& data) {
  const auto is_bitmaps = [](const ExtensionPlace& place) { return place.type == type_bitmaps; };
  const auto place = std::ranges::find_if(layout.extensions, is_bitmaps);
  const bool counts = (load_be<std::uint64_t>(cluster, at::autoclear) & autoclear_bitmaps) != 0;
  if (!counts || std::ranges::count_if(layout.extensions, is_bitmaps) != 1 || place->length != data_size) {
    return std::nullopt;
  }
  const std::uint64_t start = place->offset + extension_header_size;
  BitmapsSwitch result;
  result.sector_offset = align_down(start, sector);
  if (start + data_size > result.sector_offset + sector) {
    return std::nullopt;
  }
  std::ranges::copy(cluster.subspan(result.sector_offset, sector), result.sector_bytes.begin());
  store_bytes(result.sector_bytes, start - result.sector_offset, data);
  return result;
}

/// Leaves the name of the backing file where it is, if the draft ends before it, or gives it another place.
Result<void> place_name(Bytes cluster, const HeaderLayout& layout, MutableBytes draft, BitmapsSwitch& result) {
  std::uint64_t start = layout.old_name.start;
  if (layout.old_name.empty() || start == 0) {
    store_be(draft, at::backing_offset, std::uint64_t{0});
    return {};
  }
  const Bytes name = cluster.subspan(start, layout.old_name.length);
  if (start < draft.size()) {
    const auto place = place_for_name(name.size(), cluster.size(), draft.size(), layout);
    if (!place) {
      return fail(ErrorKind::limit, "its header has no room for bitmaps beside the backing file's name");
    }
    start = *place;
    result.name_offset = start;
    result.name.assign(name.begin(), name.end());
    store_be(draft, at::backing_offset, start);
  }
  if (start < sector) {
    // What of it lies in the first sector changes with that.
    store_bytes(result.sector_bytes, start, name.first(std::min<std::uint64_t>(name.size(), sector - start)));
    result.name.clear();
  }
  return {};
}

}  // namespace

Result<BitmapsSwitch> switch_bitmaps(Bytes first_cluster, const BitmapsExtension& bitmaps) {
  const HeaderLayout layout = layout_of(first_cluster);
  const ExtensionData data = data_of(bitmaps);
  if (auto result = in_place(first_cluster, layout, data)) {
    return *std::move(result);
  }
  HeaderDraft draft = draft_with(first_cluster, layout, extension_bytes(type_bitmaps, data));
  if (draft.size() > sector) {
    return fail(ErrorKind::unsupported, "its header extensions leave no room to record bitmaps in one sector");
  }
  store_be(draft, at::autoclear, load_be<std::uint64_t>(draft, at::autoclear) | autoclear_bitmaps);
  BitmapsSwitch result;
  QC_TRY(place_name(first_cluster, layout, draft, result));
  store_bytes(result.sector_bytes, 0, draft);
  return result;
}

}  // namespace qchain::format
