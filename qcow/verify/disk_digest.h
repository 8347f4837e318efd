#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "qcow/chain/view.h"

namespace qchain {

enum class DigestKind : std::uint8_t {
  quick,        ///< XXH3-128: zeros cost nothing
  with_sha256,  ///< SHA-256 too, for others to check
};

struct DigestOptions {
  DigestKind kind = DigestKind::quick;
  unsigned threads = 4;  ///< readers, at least 1
  /// Guest bytes of the range done so far, and in all. Called by the calling thread.
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;
  std::stop_token stop;
};

/// What a range of a disk reads as. The same bytes at the same place give the same digest, however they are stored.
struct DiskDigest {
  std::uint64_t size = 0;  ///< guest bytes
  std::string xxh3;        ///< see SectorHash: 32 hexadecimal digits
  std::string sha256;      ///< over all bytes as they are, zeros too: 64 hexadecimal digits; empty where not asked for
  friend bool operator==(const DiskDigest&, const DiskDigest&) = default;
};

/// Reads a range of the view (inside it, in whole sectors), with several threads and past the larger holes.
/// Errors: io, corrupt, interrupted.
[[nodiscard]] Result<DiskDigest> digest_of(const View& view, Range range, const DigestOptions& options);

}  // namespace qchain
