#include "qcow/commit/digest.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <array>

namespace qchain {

struct MergedDigest::State {
  struct Free {
    void operator()(XXH3_state_t* state) const noexcept { XXH3_freeState(state); }
  };
  std::unique_ptr<XXH3_state_t, Free> hash{XXH3_createState()};
};

MergedDigest::MergedDigest() : state_(std::make_unique<State>()) {
  XXH3_128bits_reset(state_->hash.get());
}

MergedDigest::~MergedDigest() = default;

void MergedDigest::extend(Range range, bool zero) {
  if (!runs_.empty() && runs_.back().zero == zero && runs_.back().range.end() == range.start) {
    runs_.back().range.length += range.length;
    return;
  }
  close_run();
  if (runs_.size() == max_runs) {
    too_many_ = true;
    runs_.clear();
  }
  runs_.push_back({range, zero});
}

/// A run's place is hashed behind its bytes: its length is not known before.
void MergedDigest::close_run() {
  if (runs_.empty()) {
    return;
  }
  std::array<std::byte, 17> place{};
  store_be(place, 0, runs_.back().range.start);
  store_be(place, 8, runs_.back().range.length);
  place[16] = std::byte{runs_.back().zero};
  XXH3_128bits_update(state_->hash.get(), place.data(), place.size());
}

void MergedDigest::add_data(Range range, Bytes bytes) {
  extend(range, false);
  XXH3_128bits_update(state_->hash.get(), bytes.data(), bytes.size());
}

void MergedDigest::add_zero(Range range) {
  extend(range, true);
}

std::optional<MergedContent> MergedDigest::finish() {
  close_run();
  const XXH128_hash_t hash = XXH3_128bits_digest(state_->hash.get());
  if (too_many_) {
    return std::nullopt;
  }
  return MergedContent{std::move(runs_), fmt::format("{:016x}{:016x}", hash.high64, hash.low64)};
}

}  // namespace qchain
