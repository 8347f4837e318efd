#include "qcow/bulk/cached_extents.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

namespace qchain {

namespace {

/// As much is asked about at once.
constexpr std::uint64_t piece_size = std::uint64_t{1} << 20;

/// What is wanted, and what of that the page cache has; bytes.
struct Share {
  std::uint64_t wanted = 0;
  std::uint64_t there = 0;

  void add(const Share& part) {
    wanted += part.wanted;
    there += part.there;
  }
  [[nodiscard]] bool is_nearly_all() const noexcept { return there > wanted - wanted / 8; }
};

/// Nothing for what is compressed: it lies densely, and is inflated whatever the order.
const Storage* file_of(const View& view, const Extent& extent) {
  return extent.kind == ExtentKind::data ? &view.slice().chain.layer(extent.layer).image->data_storage() : nullptr;
}

Share share_of(const Storage& file, const Extent& extent) {
  Share share;
  for (std::uint64_t done = 0; done < extent.length; done += piece_size) {
    const Range piece{extent.offset + done, std::min(piece_size, extent.length - done)};
    share.add({.wanted = piece.length, .there = file.is_in_memory(piece) ? piece.length : 0});
  }
  return share;
}

}  // namespace

Extents take_cached(const View& view, Extents& extents) {
  std::map<const Storage*, Share> files;
  std::vector<bool> is_there;
  is_there.reserve(extents.size());
  for (const Extent& extent : extents) {
    const Storage* file = file_of(view, extent);
    const Share share = file != nullptr ? share_of(*file, extent) : Share{};
    files[file].add(share);
    is_there.push_back(file != nullptr && share.is_nearly_all());
  }
  Extents cached;
  Extents others;
  for (std::size_t i = 0; i < extents.size(); ++i) {
    const bool taken = is_there[i] && files[file_of(view, extents[i])].is_nearly_all();
    (taken ? cached : others).push_back(extents[i]);
  }
  cached.shrink_to_fit();
  others.shrink_to_fit();
  extents = std::move(others);
  return cached;
}

}  // namespace qchain
