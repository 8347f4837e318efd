#pragma once

#include <cstdint>
#include <optional>

#include "qcow/core/range.h"

namespace qchain {

/// cachestat(2), on x86-64, arm64 and most others; not in Debian 12's headers.
inline constexpr int cachestat_call = 451;

/// How many bytes of a range of an open file the page cache holds, in whole pages: as many as there are, or more by
/// what else the first and the last page hold. Nothing where the kernel does not tell, or not of this user's files
/// only. Does not read, and leaves the cache as it is. Of more than 16 MiB only the beginning is looked at.
/// Thread-safe.
[[nodiscard]] std::optional<std::uint64_t> cached_bytes(int descriptor, Range range) noexcept;

/// The two ways of it, for tests. cachestat(2) is there since Linux 6.5.
[[nodiscard]] std::optional<std::uint64_t> cached_bytes_by_cachestat(int descriptor, Range range) noexcept;
/// mincore(2) of a mapping that is never touched: another process may cut the file.
[[nodiscard]] std::optional<std::uint64_t> cached_bytes_by_mincore(int descriptor, Range range) noexcept;

}  // namespace qchain
