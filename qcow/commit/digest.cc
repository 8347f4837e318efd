#include "qcow/commit/digest.h"

#include <numeric>
#include <utility>

namespace qchain {

std::uint64_t MergedContent::bytes() const noexcept {
  return std::accumulate(runs.begin(), runs.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const MergedRun& run) { return sum + run.range.length; });
}

void MergedDigest::extend(Range range, bool zero) {
  if (!runs_.empty() && runs_.back().zero == zero && runs_.back().range.end() == range.start) {
    runs_.back().range.length += range.length;
    return;
  }
  if (runs_.size() == max_runs) {
    too_many_ = true;
    runs_.clear();
  }
  runs_.push_back({range, zero});
}

std::optional<MergedContent> MergedDigest::finish() {
  if (too_many_) {
    return std::nullopt;
  }
  return MergedContent{std::move(runs_), sum_.text()};
}

}  // namespace qchain
