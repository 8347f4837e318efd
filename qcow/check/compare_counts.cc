#include "qcow/check/compare_counts.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace qchain {
namespace {

constexpr std::uint64_t page_clusters = ReferenceCounts::page_clusters;

class Comparison {
 public:
  Comparison(ClusterCensus& census, RefcountReader& refcounts, const std::stop_token& stop)
      : census_(census),
        refcounts_(refcounts),
        stop_(stop),
        pass_(census.pass()),
        end_(std::min(pass_.counts.end(), std::max(census.clusters(), counted_end()))),
        page_(pass_.counts.pages().begin()) {}

  Result<void> run() {
    const std::uint64_t span = refcounts_.block_entries();
    for (std::uint64_t index = pass_.counts.first() / span; index < refcounts_.table().size() && index * span < end_;
         ++index) {
      if (stop_.stop_requested()) {
        return fail(ErrorKind::interrupted, "check interrupted");
      }
      compare_block(index);
    }
    compare_counted(UINT64_MAX);
    return {};
  }

 private:
  /// Behind all pages: packed data may be said to go on into the cluster behind the file.
  [[nodiscard]] std::uint64_t counted_end() const {
    const auto& pages = pass_.counts.pages();
    if (pages.empty()) {
      return 0;
    }
    std::uint64_t place = page_clusters;
    while (place > 0 && pages.rbegin()->second.counts[place - 1] == 0) {
      --place;
    }
    return pages.rbegin()->first * page_clusters + place;
  }

  /// The clusters that one refcount block is about.
  void compare_block(std::uint64_t index) {
    const std::uint64_t first = std::max(index * refcounts_.block_entries(), pass_.counts.first());
    const std::uint64_t end = std::min((index + 1) * refcounts_.block_entries(), end_);
    compare_counted(first);
    if (refcounts_.block_offset(index) == 0) {
      compare_counted(end);
      return;
    }
    if (const auto known = refcounts_.get(first); !known) {
      result().check_errors += end - first;
      result().findings.add(Severity::damage, known.error().what, refcounts_.block_offset(index));
      skip_counted(end);
      return;
    }
    for (std::uint64_t start = first; start < end; start += page_clusters) {
      compare_page(start, std::min(start + page_clusters, end));
    }
  }

  /// Clusters that are referred to, below `end`.
  void compare_counted(std::uint64_t end) {
    while (page_ != pass_.counts.pages().end() && page_->first * page_clusters < end) {
      compare_page(page_->first * page_clusters, (page_->first + 1) * page_clusters);
    }
  }
  void skip_counted(std::uint64_t end) {
    while (page_ != pass_.counts.pages().end() && page_->first * page_clusters < end) {
      ++page_;
    }
  }

  void compare_page(std::uint64_t start, std::uint64_t end) {
    const bool is_counted = page_ != pass_.counts.pages().end() && page_->first * page_clusters == start;
    for (std::uint64_t cluster = start; cluster < end; ++cluster) {
      compare_cluster(cluster, is_counted ? page_->second.counts[cluster - start] : 0);
    }
    if (is_counted) {
      tell_overlaps(start, page_->second.overlaps());
      ++page_;
    }
  }

  void compare_cluster(std::uint64_t cluster, std::uint64_t references) {
    const auto recorded = refcounts_.get(cluster);
    if (!recorded) {
      ++result().check_errors;
      return;
    }
    if (*recorded == 0 && references == 0) {
      return;
    }
    result().image_end_offset = std::max(result().image_end_offset, (cluster + 1) << census_.cluster_bits());
    if (*recorded < references) {
      ++result().corruptions;
      result().findings.add(Severity::damage, fmt::format("refcount is {}, with {} references", *recorded, references),
                            cluster << census_.cluster_bits());
    } else if (*recorded > references) {
      ++result().leaks;
      result().findings.add(Severity::leak, fmt::format("refcount is {}, with {} references", *recorded, references),
                            cluster << census_.cluster_bits());
    }
  }

  void tell_overlaps(std::uint64_t start, std::uint64_t overlaps) {
    for (; overlaps != 0; overlaps &= overlaps - 1) {
      const std::uint64_t cluster = start + static_cast<unsigned>(std::countr_zero(overlaps));
      ++result().overlaps;
      result().findings.add(Severity::damage, "metadata share a cluster with something else: it must not be written",
                            cluster << census_.cluster_bits());
    }
  }

  [[nodiscard]] ImageCheck& result() noexcept { return pass_.by_cluster; }

  ClusterCensus& census_;
  RefcountReader& refcounts_;
  const std::stop_token& stop_;
  CheckPass& pass_;
  std::uint64_t end_;                            ///< clusters to be compared
  ReferenceCounts::Pages::const_iterator page_;  ///< the first that is not compared yet
};

}  // namespace

Result<void> compare_counts(ClusterCensus& census, RefcountReader& refcounts, const std::stop_token& stop) {
  return Comparison(census, refcounts, stop).run();
}

}  // namespace qchain
