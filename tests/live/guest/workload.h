#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

/// What the test guest does to its disk. A pure function of a seed, so that the host can say at any time what each
/// block of the disk must hold. Compiled into the guest and into the tests. No allocation, no I/O.
namespace qchain::guest {

inline constexpr std::size_t block_size = 4096;         ///< bytes
inline constexpr std::uint64_t longest_operation = 64;  ///< blocks

/// Which operation wrote a block last. Operations are numbered from 1; 0: the block is zeros.
using Generation = std::uint32_t;

using Block = std::span<std::byte, block_size>;
using ConstBlock = std::span<const std::byte, block_size>;

/// Writes what block `number` holds after operation `generation`: every 512 bytes of it tell the block, the operation
/// and their place.
void fill_block(Block block, std::uint64_t number, Generation generation) noexcept;
/// Whether it is what fill_block() writes.
[[nodiscard]] bool holds(ConstBlock block, std::uint64_t number, Generation generation) noexcept;
/// The operation that `block` says it was written by, whether or not the rest of it is right.
[[nodiscard]] Generation claimed_generation(ConstBlock block) noexcept;

struct Operation {
  enum class Kind : std::uint8_t { write, zero, read };
  Kind kind = Kind::read;
  std::uint64_t first = 0;  ///< block
  std::uint64_t count = 0;  ///< blocks, 1 … longest_operation

  /// What its blocks hold afterwards; not for reads.
  [[nodiscard]] Generation leaves(Generation number) const noexcept { return kind == Kind::zero ? 0 : number; }
  [[nodiscard]] bool changes() const noexcept { return kind != Kind::read; }
};

/// Operations up to `fill` only write; after that 55 of 100 write, 40 read, 5 zero.
struct Workload {
  std::uint64_t seed = 0;
  std::uint64_t blocks = 0;  ///< of the disk, longest_operation at least
  Generation fill = 0;

  [[nodiscard]] Operation operation(Generation number) const noexcept;
};

}  // namespace qchain::guest
