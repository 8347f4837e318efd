#pragma once

#include "qcow/storage/storage.h"
#include "qcow/storage/unique_fd.h"

namespace qchain {

/// What O_DIRECT wants of offsets, lengths and memory, at the most: a multiple of this many bytes.
inline constexpr std::uint64_t direct_block = 4096;

/// `file`, whose descriptor has O_DIRECT, for any offset and length: what is not in whole blocks goes through memory of
/// its own.
[[nodiscard]] SharedStorage make_direct(SharedStorage file);

/// Opens the file behind `descriptor` once more, with `flags` and O_DIRECT; none where that can't be.
[[nodiscard]] UniqueFd reopen_direct(int descriptor, int flags) noexcept;

}  // namespace qchain
