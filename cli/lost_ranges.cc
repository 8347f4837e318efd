#include "cli/lost_ranges.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <ostream>

namespace qchain::cli {

void LostRanges::add(const LostRange& lost) {
  bytes_ += lost.guest.length;
  const auto after = places_.upper_bound(lost.guest.start);
  if (after != places_.begin()) {
    Why& before = std::prev(after)->second;
    if (before.end == lost.guest.start && before.layer == lost.layer && before.reason == lost.reason) {
      before.end = lost.guest.end();
      return;
    }
  }
  if (places_.size() == most) {
    not_listed_ += lost.guest.length;
    return;
  }
  places_.emplace_hint(after, lost.guest.start,
                       Why{.end = lost.guest.end(), .layer = lost.layer, .reason = lost.reason});
}

void print_lost(std::ostream& out, const LostRanges& lost, const Slice& slice) {
  for (const auto& [start, why] : lost.places()) {
    out << fmt::format("qchain: {}: lost guest bytes {} to {}: {}\n", printable(slice.chain.layer(why.layer).file),
                       start, why.end - 1, why.reason);
  }
  if (lost.not_listed() > 0) {
    out << fmt::format("qchain: and {} bytes more\n", lost.not_listed());
  }
}

void add_lost(nlohmann::ordered_json& json, const LostRanges& lost, const Slice& slice) {
  auto list = nlohmann::ordered_json::array();
  for (const auto& [start, why] : lost.places()) {
    list.push_back({{"start", start},
                    {"length", why.end - start},
                    {"layer", why.layer + 1},
                    {"filename", slice.chain.layer(why.layer).file},
                    {"reason", why.reason}});
  }
  json["lost-bytes"] = lost.bytes();
  json["lost"] = list;
}

}  // namespace qchain::cli
