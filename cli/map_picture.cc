#include "cli/map_picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "cli/human.h"
#include "cli/raster.h"

namespace qchain::cli {
namespace {

constexpr std::size_t most_columns = 2000;
constexpr std::size_t most_cells = 400'000;   ///< bounds the file's size for long chains
constexpr std::size_t extents_a_step = 4096;  ///< bounds the memory

/// Swatches in the order of the palette; layers come after them.
enum KindSwatch : std::uint16_t { nothing, stored, packed, zeros, damaged, first_layer };

constexpr std::array kind_swatches = {
    std::pair{"#f0f0f0", "not in this layer"},       std::pair{"#3b75af", "data"},   std::pair{"#8d5fb5", "compressed"},
    std::pair{"#c9c2a5", "zero, said by the layer"}, std::pair{"#d62728", "broken"},
};

KindSwatch swatch_of(ExtentKind kind) noexcept {
  switch (kind) {
    case ExtentKind::data:
      return stored;
    case ExtentKind::compressed:
      return packed;
    case ExtentKind::zero:
      return zeros;
    case ExtentKind::broken:
      return damaged;
    case ExtentKind::hole:
    case ExtentKind::past_end:
      return nothing;
  }
  return nothing;
}

/// Neighbours differ: steps of the golden angle around the colour wheel, and two shades.
std::string layer_color(std::size_t position) {
  const double hue = std::fmod(static_cast<double>(position) * 137.508 + 30, 360.0);
  return fmt::format("hsl({:.0f},{}%,{}%)", hue, 60, position % 2 == 0 ? 45 : 62);
}

std::uint16_t layer_swatch(const Slice& slice, std::size_t position) {
  return static_cast<std::uint16_t>(first_layer + (position - slice.base));
}

std::vector<Swatch> swatches_of(const Slice& slice) {
  std::vector<Swatch> swatches;
  swatches.reserve(std::size(kind_swatches) + slice.top - slice.base + 1);
  for (const auto& [color, label] : kind_swatches) {
    swatches.push_back({color, label});
  }
  for (std::size_t position = slice.base; position <= slice.top; ++position) {
    swatches.push_back({layer_color(position), {}});
  }
  return swatches;
}

std::size_t columns_for(const View& view, std::size_t rows) {
  const std::uint64_t sectors = std::max<std::uint64_t>(view.size() / format::sector, 1);
  return static_cast<std::size_t>(std::min<std::uint64_t>({sectors, most_columns, most_cells / rows + 100}));
}

PictureRow layer_row(const View& view, std::size_t position, std::size_t columns) {
  const Slice& slice = view.slice();
  const Layer& layer = slice.chain.layer(position);
  const std::uint64_t end = std::min(layer.image->size(), view.size());
  Raster raster(view.size(), columns);
  Extents extents;
  for (std::uint64_t at = 0; at < end; at = extents.back().end()) {
    extents.clear();
    layer.image->map(range_between(at, end), extents_a_step, extents);
    for (const Extent& extent : extents) {
      raster.add(extent.range(), swatch_of(extent.kind));
    }
  }
  return {.label = fmt::format("[{}] {}", position + 1, printable(layer.file)),
          .swatch = layer_swatch(slice, position),
          .extent = view.size() == 0 ? 0 : static_cast<double>(end) / static_cast<double>(view.size()),
          .cells = raster.finish()};
}

PictureRow view_row(const View& view, std::size_t columns) {
  Raster raster(view.size(), columns);
  ExtentWalk walk(view, {0, view.size()});
  while (const auto extent = walk.next()) {
    const bool has = extent->kind != ExtentKind::hole && extent->kind != ExtentKind::past_end;
    raster.add(extent->range(), has ? layer_swatch(view.slice(), extent->layer) : std::uint16_t{nothing});
  }
  return {.label = "view: who gives what", .swatch = 0, .extent = 1, .cells = raster.finish()};
}

}  // namespace

Picture picture_of(const View& view) {
  const Slice& slice = view.slice();
  const std::size_t rows = slice.top - slice.base + 2;
  const std::size_t columns = columns_for(view, rows);
  Picture picture{.title = fmt::format("{}: {}, {} layers", printable(slice.chain.layer(slice.top).file),
                                       size_text(view.size()), rows - 1),
                  .size = view.size(),
                  .swatches = swatches_of(slice),
                  .rows = {}};
  for (std::size_t position = slice.top + 1; position-- > slice.base;) {
    picture.rows.push_back(layer_row(view, position, columns));
  }
  picture.rows.push_back(view_row(view, columns));
  return picture;
}

}  // namespace qchain::cli
