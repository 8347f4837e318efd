#pragma once

#include <cstdint>
#include <string>

#include "qcow/core/bytes.h"

namespace qchain {

/// A digest of bytes at their places that does not depend on the order in which they are added: the sum, modulo 2^128,
/// of each sector's XXH3-128, taken of the XXH3-128 of its bytes and of its place. Finds errors, not forgers.
class SectorSum {
 public:
  SectorSum() = default;

  /// `offset` and the length of `bytes`: multiples of 512. Each sector is added once.
  void add(std::uint64_t offset, Bytes bytes);
  /// What another has added.
  void add(const SectorSum& other) noexcept;
  /// 32 hexadecimal digits.
  [[nodiscard]] std::string text() const;

 private:
  SectorSum(std::uint64_t high, std::uint64_t low) noexcept : high_(high), low_(low) {}

  std::uint64_t high_ = 0;
  std::uint64_t low_ = 0;
};

}  // namespace qchain
