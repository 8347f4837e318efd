#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "qcow/core/bytes.h"
#include "qcow/core/range.h"

namespace qchain {

/// XXH3-128 over each run of sectors that are not all zeros, and its place: a hole and written zeros count the same,
/// and cost nothing, and it does not matter how the bytes were cut. Bytes are added in ascending order.
class SectorHash {
 public:
  SectorHash();
  ~SectorHash();
  SectorHash(const SectorHash&) = delete;
  SectorHash& operator=(const SectorHash&) = delete;

  /// `offset`: guest bytes, a multiple of 512. What is left out counts as zeros.
  void add(std::uint64_t offset, Bytes bytes);
  /// 32 hexadecimal digits; nothing more is added after it.
  [[nodiscard]] std::string finish();

 private:
  void add_run(Range range, Bytes bytes);
  void close_run();

  struct State;
  std::unique_ptr<State> state_;
  Range run_;
};

}  // namespace qchain
