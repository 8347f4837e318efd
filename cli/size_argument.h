#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace qchain::cli {

/// Bytes of a size as qemu-img takes it: "4096", "64k", "1.5G"; the suffixes b, k, M, G, T, P and E, in either case,
/// count by 1024, and a part of a byte is dropped. Nothing where it is no such number or more than 2^63 - 1.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text) noexcept;

/// Bits of a cluster size that qcow2 can have: a power of two from 512 to 2M. Nothing for others.
[[nodiscard]] std::optional<std::uint32_t> parse_cluster_bits(std::string_view text) noexcept;

}  // namespace qchain::cli
