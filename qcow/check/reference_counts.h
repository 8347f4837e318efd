#pragma once

#include <array>
#include <cstdint>
#include <map>

namespace qchain {

/// As what a host cluster is used.
enum class ClusterUse : std::uint8_t {
  structure,  ///< header, L1, refcounts, snapshots, bitmaps: each belongs to one thing alone
  table,      ///< an L2 table; snapshots share them
  data,       ///< the guest's bytes, or packed clusters
};

/// How often each host cluster is referred to, and as what. Knows the clusters from `first` on; where they need more
/// memory than it may take, it gives up those farthest out, and end() says so. Not thread-safe.
class ReferenceCounts {
 public:
  static constexpr std::uint64_t page_clusters = 64;
  struct Page {
    std::array<std::uint32_t, page_clusters> counts{};
    std::array<std::uint64_t, 3> uses{};  ///< by ClusterUse: a bit a cluster
    std::uint64_t doubled = 0;            ///< used as structure more than once

    /// A bit for each cluster in which metadata overlap with anything else.
    [[nodiscard]] std::uint64_t overlaps() const noexcept {
      const auto [structures, tables, data] = uses;
      return doubled | (structures & (tables | data)) | (tables & data);
    }
  };
  using Pages = std::map<std::uint64_t, Page>;  ///< by first cluster / page_clusters

  /// `highest`: no count goes beyond. `first`: a multiple of page_clusters.
  ReferenceCounts(std::uint64_t first, std::uint32_t highest, std::size_t max_pages)
      : first_(first), highest_(highest), max_pages_(max_pages) {}

  /// False where the count would pass `highest`.
  [[nodiscard]] bool add(std::uint64_t cluster, ClusterUse use);

  [[nodiscard]] bool covers(std::uint64_t cluster) const noexcept { return cluster >= first_ && cluster < end_; }
  /// 0 where it is not covered.
  [[nodiscard]] std::uint32_t count(std::uint64_t cluster) const;
  [[nodiscard]] const Pages& pages() const noexcept { return pages_; }
  [[nodiscard]] std::uint64_t first() const noexcept { return first_; }
  /// The first cluster that is not counted; UINT64_MAX: all are.
  [[nodiscard]] std::uint64_t end() const noexcept { return end_; }

 private:
  [[nodiscard]] Page* page_for(std::uint64_t number);
  void give_up_half();

  std::uint64_t first_;
  std::uint64_t end_ = UINT64_MAX;
  std::uint32_t highest_;
  std::size_t max_pages_;
  Pages pages_;
  std::uint64_t last_number_ = UINT64_MAX;  ///< most references follow one another
  Page* last_page_ = nullptr;
};

}  // namespace qchain
