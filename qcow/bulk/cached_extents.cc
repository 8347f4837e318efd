#include "qcow/bulk/cached_extents.h"

#include <algorithm>
#include <functional>
#include <map>

namespace qchain {

namespace {

/// As much is asked about at once.
constexpr std::uint64_t piece_size = std::uint64_t{1} << 20;

/// What is wanted of a file, and what of that the page cache has; bytes.
struct Share {
  std::uint64_t wanted = 0;
  std::uint64_t there = 0;

  void add(const Storage& file, const Extent& extent) {
    for (std::uint64_t done = 0; done < extent.length; done += piece_size) {
      const Range piece{extent.offset + done, std::min(piece_size, extent.length - done)};
      wanted += piece.length;
      there += file.is_in_memory(piece) ? piece.length : 0;
    }
  }
  [[nodiscard]] bool is_nearly_all() const noexcept { return there > wanted - wanted / 8; }
};

const Storage* file_of(const View& view, const Extent& extent) {
  return extent.kind == ExtentKind::data ? &view.slice().chain.layer(extent.layer).image->data_storage() : nullptr;
}

}  // namespace

Extents take_cached(const View& view, Extents& extents) {
  std::map<const Storage*, Share> shares;
  for (const Extent& extent : extents) {
    if (const Storage* file = file_of(view, extent)) {
      shares[file].add(*file, extent);
    }
  }
  const auto is_cached = [&](const Extent& extent) {
    const Storage* file = file_of(view, extent);
    return file != nullptr && shares.at(file).is_nearly_all();
  };
  const auto cached = std::ranges::stable_partition(extents, std::not_fn(is_cached));
  Extents taken(cached.begin(), cached.end());
  extents.erase(cached.begin(), cached.end());
  return taken;
}

}  // namespace qchain
