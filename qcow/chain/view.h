#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "qcow/chain/chain.h"
#include "qcow/chain/extent.h"
#include "qcow/core/bytes.h"
#include "qcow/core/error.h"

namespace qchain {

class RegionCache;
class ClusterCache;

/// Memory that views may take for what they remember, in bytes. Shared by all views made from one ViewCaches.
struct CacheBudget {
  std::size_t index = std::size_t{64} << 20;     ///< resolved extents
  std::size_t clusters = std::size_t{32} << 20;  ///< inflated clusters
};

/// The caches behind one or many views. Copies share them. Thread-safe.
struct ViewCaches {
  explicit ViewCaches(CacheBudget budget = {});
  std::shared_ptr<RegionCache> regions;
  std::shared_ptr<ClusterCache> clusters;
};

/// What a guest would read of a slice: one flat, immutable disk. Thread-safe; cheap to copy is not promised: share it.
class View {
 public:
  View(Slice slice, ViewCaches caches);
  View(const View&) = delete;
  View& operator=(const View&) = delete;
  ~View();

  [[nodiscard]] const Slice& slice() const noexcept { return slice_; }
  /// Bytes, a multiple of 512.
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

  /// Fills `into` with the bytes from `offset` on; offset + into.size() <= size(). Errors: io, corrupt (with layer's
  /// file and offset); then the content of `into` is not defined.
  [[nodiscard]] Result<void> read(std::uint64_t offset, MutableBytes into) const;

  /// The extent that holds `offset` (< size()), from `offset` on, by the cached index. May be shorter than the longest
  /// possible: callers that join extents go on at its end.
  [[nodiscard]] Extent extent_at(std::uint64_t offset) const;

  /// The same where the index has it already: without reading, and without waiting for who does.
  [[nodiscard]] std::optional<Extent> known_extent_at(std::uint64_t offset) const;

  /// Extents that cover a prefix of `range` (at least up to `limit` of them), resolved without the cache: for walks
  /// over the whole disk, where holes of any length cost one step. The prefix is all of `range` when back().end() is.
  [[nodiscard]] Extents resolve(Range range, std::size_t limit) const;

  /// Hint: `range` is read soon. Starts reading of the stored bytes behind it.
  void will_need(Range range) const;
  /// A hint that resolve() is asked for `range` soon, and has to go down to the layer at position `lowest`: asks the
  /// disk for the metadata of these layers together, which resolve() would wait for one layer after the other. The
  /// guest offset up to which that holds. `range` as for resolve().
  [[nodiscard]] std::uint64_t will_resolve(Range range, std::size_t lowest) const;

 private:
  [[nodiscard]] std::shared_ptr<const Extents> region_at(std::uint64_t offset) const;
  [[nodiscard]] Result<void> read_extent(const Extent& extent, MutableBytes into) const;
  [[nodiscard]] Result<void> read_compressed(const Layer& layer, const Extent& extent, MutableBytes into) const;

  Slice slice_;
  std::uint64_t size_;
  ViewCaches caches_;
  std::uint64_t id_;  ///< tells this view's regions from other views' in a shared cache
};

/// The error for a broken extent of `view`: corrupt, or io where its metadata can't be read; with the layer's file.
[[nodiscard]] Error broken_extent(const View& view, const Extent& extent);

/// Walks a view's extents from `range.start` to `range.end()`, joined where they continue each other. Memory is bounded
/// whatever the size. Not thread-safe; the view outlives it.
class ExtentWalk {
 public:
  ExtentWalk(const View& view, Range range) : view_(view), rest_(range), lowest_(view.slice().base) {}
  /// The next extent, or nothing at the end.
  [[nodiscard]] std::optional<Extent> next();

 private:
  static constexpr std::size_t extents_at_once = 16384;

  void resolve_more();

  const View& view_;
  Range rest_;
  std::size_t lowest_;           ///< position of the layer down to which the resolving had to go the last time
  std::uint64_t announced_ = 0;  ///< guest offset up to which the disk was asked for metadata
  Extents pending_;
  std::size_t used_ = 0;
};

}  // namespace qchain
