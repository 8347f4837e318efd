#include "qcow/format/relink.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "qcow/core/range.h"
#include "qcow/format/header.h"
#include "qcow/format/header_layout.h"

namespace qchain::format {
namespace {

/// One extension by its place.
struct Place {
  std::uint32_t type = 0;
  std::uint64_t offset = 0;  ///< of its type field
  std::uint64_t length = 0;  ///< of its data, without padding

  [[nodiscard]] std::uint64_t end() const { return offset + extension_header_size + align_up(length, 8); }
};

/// What of the header's cluster is in use.
struct Layout {
  std::uint64_t header_length = 0;
  std::vector<Place> extensions;
  std::uint64_t extensions_end = 0;  ///< behind the end marker
  bool has_end_marker = false;
  Range old_name;
};

/// The header was parsed before, so that every extension lies inside its area.
Layout layout_of(Bytes cluster) {
  Layout layout;
  const bool v2 = load_be<std::uint32_t>(cluster, at::version) == 2;
  layout.header_length = v2 ? v2_header_length : load_be<std::uint32_t>(cluster, at::header_length);
  layout.old_name = {load_be<std::uint64_t>(cluster, at::backing_offset),
                     load_be<std::uint32_t>(cluster, at::backing_size)};
  const std::uint64_t area_end = layout.old_name.start != 0 ? layout.old_name.start : cluster.size();
  std::uint64_t offset = layout.header_length;
  while (fits(offset, extension_header_size, area_end)) {
    const Place place{load_be<std::uint32_t>(cluster, offset), offset, load_be<std::uint32_t>(cluster, offset + 4)};
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

/// The first cluster as it shall be, up to the end of the extensions.
using Draft = std::vector<std::byte>;

void put_format(MutableBytes data, std::string_view format) {
  std::ranges::fill(data, std::byte{0});
  std::ranges::copy(std::as_bytes(std::span(format)), data.begin());
}

/// Changes the format where it stands. Nothing, where that is not enough: then the first sector is drafted anew.
std::optional<Draft> keep_layout(Bytes cluster, const Layout& layout, std::string_view format) {
  const auto is_format = [](const Place& place) { return place.type == type_backing_format; };
  const auto place = std::ranges::find_if(layout.extensions, is_format);
  if (!layout.has_end_marker || std::ranges::count_if(layout.extensions, is_format) != 1 || place->end() > sector ||
      align_up(place->length, 8) != align_up(format.size(), 8)) {
    return std::nullopt;
  }
  Draft draft(cluster.begin(), cluster.begin() + static_cast<std::ptrdiff_t>(layout.extensions_end));
  store_be(draft, place->offset + 4, static_cast<std::uint32_t>(format.size()));
  put_format(MutableBytes(draft).subspan(place->offset + extension_header_size, align_up(format.size(), 8)), format);
  return draft;
}

/// Header, format, all other extensions but the feature names, end marker: what must fit the first sector.
Draft draft_anew(Bytes cluster, const Layout& layout, std::string_view format) {
  Draft bytes;
  const auto take = [&](std::uint64_t offset, std::uint64_t end) {
    bytes.insert(bytes.end(), cluster.begin() + static_cast<std::ptrdiff_t>(offset),
                 cluster.begin() + static_cast<std::ptrdiff_t>(end));
  };
  take(0, layout.header_length);
  const std::size_t start = bytes.size();
  bytes.resize(start + extension_header_size + align_up(format.size(), 8));
  store_be(bytes, start, type_backing_format);
  store_be(bytes, start + 4, static_cast<std::uint32_t>(format.size()));
  put_format(MutableBytes(bytes).subspan(start + extension_header_size), format);
  for (const Place& place : layout.extensions) {
    if (place.type != type_backing_format && place.type != type_feature_names) {
      take(place.offset, place.end());
    }
  }
  bytes.resize(bytes.size() + extension_header_size);  // the end marker is all zeros
  return bytes;
}

/// A place for the new name that the present header does not use, or nothing.
std::optional<std::uint64_t> place_for_name(std::uint64_t size, std::uint64_t cluster_size, std::uint64_t draft_end,
                                            const Layout& layout) {
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

void clear_unknown_autoclear(MutableBytes header) {
  if (load_be<std::uint32_t>(header, at::version) >= 3) {
    const auto bits = load_be<std::uint64_t>(header, at::autoclear);
    store_be(header, at::autoclear, bits & (autoclear_bitmaps | autoclear_raw_data_file));
  }
}

std::unexpected<Error> no_room(std::uint64_t size, std::uint64_t cluster_size) {
  return std::unexpected(
      make_error(ErrorKind::limit, fmt::format("a backing file name of {} bytes has no room in its header", size))
          .advise(cluster_size <= sector ? "clusters of 512 bytes have room for a short name only: move the base"
                                         : "use a shorter path to the base"));
}

}  // namespace

Result<BackingRewrite> rewrite_backing(Bytes first_cluster, std::string_view name, std::string_view format) {
  const Layout layout = layout_of(first_cluster);
  if (name.size() > max_backing_name) {
    return no_room(name.size(), first_cluster.size());
  }
  auto draft = keep_layout(first_cluster, layout, format);
  if (!draft) {
    draft = draft_anew(first_cluster, layout, format);
    if (draft->size() > sector) {
      return fail(ErrorKind::unsupported,
                  "its header extensions leave no room to record a backing format in one sector");
    }
  }
  const auto place = place_for_name(name.size(), first_cluster.size(), draft->size(), layout);
  if (!place) {
    return no_room(name.size(), first_cluster.size());
  }
  store_be(*draft, at::backing_offset, *place);
  store_be(*draft, at::backing_size, static_cast<std::uint32_t>(name.size()));
  clear_unknown_autoclear(*draft);

  BackingRewrite rewrite{.name_offset = *place, .name = {}, .first_sector = {}};
  std::ranges::copy(Bytes(*draft).first(std::min<std::size_t>(sector, draft->size())), rewrite.first_sector.begin());
  const auto name_bytes = std::as_bytes(std::span(name));
  if (*place < sector) {
    std::ranges::copy(name_bytes, rewrite.first_sector.begin() + static_cast<std::ptrdiff_t>(*place));
  } else {
    rewrite.name.assign(name_bytes.begin(), name_bytes.end());
  }
  return rewrite;
}

}  // namespace qchain::format
