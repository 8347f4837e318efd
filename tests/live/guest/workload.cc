#include "tests/live/guest/workload.h"

#include <algorithm>
#include <cstring>

namespace qchain::guest {
namespace {

constexpr std::uint64_t magic = 0x71636861696e2121;
constexpr std::size_t words = block_size / sizeof(std::uint64_t);

/// The finalizer of splitmix64: every bit of the result depends on every bit of the value.
std::uint64_t mixed(std::uint64_t value) noexcept {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

/// Cheap, as an emulated processor writes and checks gigabytes of it.
struct Pattern {
  Pattern(std::uint64_t number, Generation generation) noexcept
      : start(mixed(number * 0x9e3779b97f4a7c15 + generation)) {}
  [[nodiscard]] std::uint64_t word(std::size_t index) const noexcept { return start + index * 0xd1342543de82ef95; }
  std::uint64_t start;
};

}  // namespace

void fill_block(Block block, std::uint64_t number, Generation generation) noexcept {
  std::array<std::uint64_t, words> content{};
  if (generation != 0) {
    const Pattern pattern(number, generation);
    content[0] = magic;
    content[1] = generation;
    for (std::size_t i = 2; i < words; ++i) {
      content[i] = pattern.word(i);
    }
  }
  std::memcpy(block.data(), content.data(), block_size);
}

bool holds(ConstBlock block, std::uint64_t number, Generation generation) noexcept {
  std::array<std::byte, block_size> expected;
  fill_block(expected, number, generation);
  return std::ranges::equal(block, expected);
}

Generation claimed_generation(ConstBlock block) noexcept {
  std::uint64_t generation = 0;
  std::memcpy(&generation, block.data() + sizeof magic, sizeof generation);
  return static_cast<Generation>(generation);
}

Operation Workload::operation(Generation number) const noexcept {
  const std::uint64_t dice = mixed(seed ^ mixed(number));
  const std::uint64_t count = 1 + dice % longest_operation;
  const std::uint64_t first = mixed(dice) % (blocks - count + 1);
  const std::uint64_t hundred = (dice >> 32) % 100;
  using enum Operation::Kind;
  const auto kind = number <= fill || hundred < 55 ? write : hundred < 95 ? read : zero;
  return {.kind = kind, .first = first, .count = count};
}

}  // namespace qchain::guest
