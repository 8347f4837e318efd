#include "qcow/check/reference_counts.h"

#include <iterator>

namespace qchain {

bool ReferenceCounts::add(std::uint64_t cluster, ClusterUse use) {
  if (!covers(cluster)) {
    return true;
  }
  Page* const page = page_for(cluster / page_clusters);
  if (page == nullptr) {
    return true;
  }
  const std::uint64_t place = cluster % page_clusters;
  const std::uint64_t bit = std::uint64_t{1} << place;
  std::uint64_t& used = page->uses[static_cast<std::size_t>(use)];
  page->doubled |= use == ClusterUse::structure ? used & bit : 0;
  used |= bit;
  if (page->counts[place] >= highest_) {
    return false;
  }
  ++page->counts[place];
  return true;
}

std::uint32_t ReferenceCounts::count(std::uint64_t cluster) const {
  const auto found = covers(cluster) ? pages_.find(cluster / page_clusters) : pages_.end();
  return found == pages_.end() ? 0 : found->second.counts[cluster % page_clusters];
}

/// Null where it had to be given up.
ReferenceCounts::Page* ReferenceCounts::page_for(std::uint64_t number) {
  if (number == last_number_) {
    return last_page_;
  }
  auto found = pages_.find(number);
  if (found == pages_.end()) {
    if (pages_.size() >= max_pages_) {
      give_up_half();
    }
    if (!covers(number * page_clusters)) {
      return nullptr;
    }
    found = pages_.emplace(number, Page{}).first;
  }
  last_number_ = number;
  last_page_ = &found->second;
  return last_page_;
}

void ReferenceCounts::give_up_half() {
  const auto middle = std::next(pages_.begin(), static_cast<std::ptrdiff_t>(pages_.size() / 2));
  end_ = middle->first * page_clusters;
  pages_.erase(middle, pages_.end());
  last_number_ = UINT64_MAX;
}

}  // namespace qchain
