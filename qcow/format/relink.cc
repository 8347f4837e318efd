#include "qcow/format/relink.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "qcow/core/range.h"
#include "qcow/format/header.h"
#include "qcow/format/header_draft.h"
#include "qcow/format/header_layout.h"

namespace qchain::format {
namespace {

void put_format(MutableBytes data, std::string_view format) {
  std::ranges::fill(data, std::byte{0});
  std::ranges::copy(std::as_bytes(std::span(format)), data.begin());
}

/// Changes the format where it stands. Nothing, where that is not enough: then the first sector is drafted anew.
std::optional<HeaderDraft> keep_layout(Bytes cluster, const HeaderLayout& layout, std::string_view format) {
  const auto is_format = [](const ExtensionPlace& place) { return place.type == type_backing_format; };
  const auto place = std::ranges::find_if(layout.extensions, is_format);
  if (!layout.has_end_marker || std::ranges::count_if(layout.extensions, is_format) != 1 || place->end() > sector ||
      align_up(place->length, 8) != align_up(format.size(), 8)) {
    return std::nullopt;
  }
  HeaderDraft draft(cluster.begin(), cluster.begin() + static_cast<std::ptrdiff_t>(layout.extensions_end));
  store_be(draft, place->offset + 4, static_cast<std::uint32_t>(format.size()));
  put_format(MutableBytes(draft).subspan(place->offset + extension_header_size, align_up(format.size(), 8)), format);
  return draft;
}

/// It is called so already, where it can stay: said again, a long name needs no place beside itself.
bool has_name(Bytes cluster, const HeaderLayout& layout, std::uint64_t draft_end, std::string_view name) {
  return layout.old_name.start >= std::max(sector, draft_end) &&
         fits(layout.old_name.start, name.size(), cluster.size()) && layout.old_name.length == name.size() &&
         std::ranges::equal(cluster.subspan(layout.old_name.start, name.size()), std::as_bytes(std::span(name)));
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
  const HeaderLayout layout = layout_of(first_cluster);
  if (name.size() > max_backing_name) {
    return no_room(name.size(), first_cluster.size());
  }
  auto draft = keep_layout(first_cluster, layout, format);
  if (!draft) {
    draft = draft_with(first_cluster, layout, extension_bytes(type_backing_format, std::as_bytes(std::span(format))));
    if (draft->size() > sector) {
      return fail(ErrorKind::unsupported,
                  "its header extensions leave no room to record a backing format in one sector");
    }
  }
  const auto place = has_name(first_cluster, layout, draft->size(), name)
                         ? std::optional(layout.old_name.start)
                         : place_for_name(name.size(), first_cluster.size(), draft->size(), layout);
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
