#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>

#include "qcow/chain/view.h"
#include "qcow/commit/digest.h"
#include "qcow/storage/cache_use.h"

namespace qchain {

struct ContentOptions {
  unsigned threads = 8;  ///< that read, at least 1
  CacheUse cache = CacheUse::pass_by;
  /// Of still_reads_as(): guest bytes done, and in all. Called by the calling thread; may be empty.
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;
  std::stop_token stop;
};

/// What the view of the layers above a base gives, read anew. Errors: io, corrupt, interrupted.
[[nodiscard]] Result<std::optional<MergedContent>> read_content(const View& above, const ContentOptions& options);

/// Whether the base still reads as what was merged into it: each run's bytes and zeros. Errors: io, corrupt,
/// interrupted.
[[nodiscard]] Result<bool> still_reads_as(const View& base, const MergedContent& content,
                                          const ContentOptions& options);

}  // namespace qchain
