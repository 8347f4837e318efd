#include "fusefs/read_ahead.h"

#include <algorithm>

namespace qchain::fusefs {

ReadAhead::Fetch ReadAhead::next(Range request, std::uint64_t limit) {
  const std::scoped_lock lock(mutex_);
  const bool in_order = request.start + slack >= front_ && request.start <= front_ + slack;
  run_ = in_order ? std::min(run_ + 1, run_length) : 1;
  front_ = in_order ? std::max(front_, request.end()) : request.end();
  if (run_ < run_length) {
    fetched_ = {front_, 0};
    return {.request = request, .ahead = {}};
  }
  Fetch fetch{.request = intersect(request, fetched_) == request ? Range{} : request, .ahead = {}};
  const std::uint64_t start = std::max(fetched_.end(), front_);
  const std::uint64_t end = std::min(front_ + distance, limit);
  if (end > start && (end - start >= distance / 4 || end == limit)) {
    fetch.ahead = range_between(start, end);
    fetched_ = range_between(start == fetched_.end() ? fetched_.start : start, end);
  }
  return fetch;
}

}  // namespace qchain::fusefs
