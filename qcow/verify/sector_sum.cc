#include "qcow/verify/sector_sum.h"

#include <endian.h>
#include <fmt/format.h>
#define XXH_INLINE_ALL  // hashing 512 bytes, the library's call takes half as long again
#include <xxhash.h>

#include <algorithm>
#include <array>

namespace qchain {

namespace {

constexpr std::size_t sector = 512;

XXH128_hash_t hash_of(std::uint64_t offset, Bytes bytes) {
  const XXH128_hash_t content = XXH3_128bits(bytes.data(), bytes.size());
  const std::array<std::uint64_t, 3> placed{htole64(content.low64), htole64(content.high64), htole64(offset)};
  return XXH3_128bits(placed.data(), sizeof(placed));
}

}  // namespace

void SectorSum::add(std::uint64_t offset, Bytes bytes) {
  for (; !bytes.empty(); bytes = bytes.subspan(std::min(sector, bytes.size())), offset += sector) {
    const XXH128_hash_t hash = hash_of(offset, bytes.first(std::min(sector, bytes.size())));
    add(SectorSum(hash.high64, hash.low64));
  }
}

void SectorSum::add(const SectorSum& other) noexcept {
  low_ += other.low_;
  high_ += other.high_ + (low_ < other.low_ ? 1 : 0);
}

std::string SectorSum::text() const {
  return fmt::format("{:016x}{:016x}", high_, low_);
}

}  // namespace qchain
