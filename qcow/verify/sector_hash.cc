#include "qcow/verify/sector_hash.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <array>

namespace qchain {

namespace {

constexpr std::size_t sector = 512;

/// End of the sectors from `start` on that are all zeros (`zero`), or that are not.
std::size_t end_of_run(Bytes bytes, std::size_t start, bool zero) {
  while (start < bytes.size()) {
    const std::size_t length = std::min(sector, bytes.size() - start);
    if (is_zero(bytes.subspan(start, length)) != zero) {
      break;
    }
    start += length;
  }
  return start;
}

}  // namespace

struct SectorHash::State {
  struct Free {
    void operator()(XXH3_state_t* state) const noexcept { XXH3_freeState(state); }
  };
  std::unique_ptr<XXH3_state_t, Free> hash{XXH3_createState()};
};

SectorHash::SectorHash() : state_(std::make_unique<State>()) {
  XXH3_128bits_reset(state_->hash.get());
}

SectorHash::~SectorHash() = default;

void SectorHash::add(std::uint64_t offset, Bytes bytes) {
  for (std::size_t position = 0; position < bytes.size();) {
    const std::size_t start = end_of_run(bytes, position, true);
    position = end_of_run(bytes, start, false);
    if (position > start) {
      add_run({offset + start, position - start}, bytes.subspan(start, position - start));
    }
  }
}

void SectorHash::add_run(Range range, Bytes bytes) {
  if (run_.end() == range.start) {
    run_.length += range.length;
  } else {
    close_run();
    run_ = range;
  }
  XXH3_128bits_update(state_->hash.get(), bytes.data(), bytes.size());
}

/// A run's place is hashed behind its bytes: its length is not known before.
void SectorHash::close_run() {
  if (run_.empty()) {
    return;
  }
  std::array<std::byte, 16> place{};
  store_be(place, 0, run_.start);
  store_be(place, 8, run_.length);
  XXH3_128bits_update(state_->hash.get(), place.data(), place.size());
}

std::string SectorHash::finish() {
  close_run();
  const XXH128_hash_t hash = XXH3_128bits_digest(state_->hash.get());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

}  // namespace qchain
