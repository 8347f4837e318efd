#pragma once

#include <cstdint>
#include <iosfwd>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "qcow/chain/chain.h"
#include "qcow/copy/lost_range.h"

namespace qchain::cli {

/// What a copy could not save, by place, joined where it lies together for the same reason. Lists 100,000 places and
/// counts the rest: a broken image must not fill memory. Not thread-safe.
class LostRanges {
 public:
  struct Why {
    std::uint64_t end = 0;  ///< bytes
    std::size_t layer = 0;  ///< position in the chain
    std::string reason;
  };
  static constexpr std::size_t most = 100'000;

  void add(const LostRange& lost);
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  /// By where they start in the guest.
  [[nodiscard]] const std::map<std::uint64_t, Why>& places() const noexcept { return places_; }
  [[nodiscard]] std::uint64_t not_listed() const noexcept { return not_listed_; }

 private:
  std::map<std::uint64_t, Why> places_;
  std::uint64_t bytes_ = 0;
  std::uint64_t not_listed_ = 0;  ///< bytes
};

/// One line a place.
void print_lost(std::ostream& out, const LostRanges& lost, const Slice& slice);
/// Adds "lost-bytes" and "lost".
void add_lost(nlohmann::ordered_json& json, const LostRanges& lost, const Slice& slice);

}  // namespace qchain::cli
