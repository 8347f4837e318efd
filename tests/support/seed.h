#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace qchain::test {

/// $QCHAIN_SEED, or a new one from the system; printed to stdout either way, so that a failure can be repeated.
[[nodiscard]] std::uint64_t announced_seed();

/// Random numbers that depend on the seed alone, on every machine: the standard fixes mt19937_64, but not its
/// distributions. A slight bias of the modulo does not matter here.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  /// 0 .. bound - 1; bound > 0.
  [[nodiscard]] std::uint64_t below(std::uint64_t bound) { return engine_() % bound; }
  /// first .. last, both included.
  [[nodiscard]] std::uint64_t between(std::uint64_t first, std::uint64_t last) {
    return first + below(last - first + 1);
  }
  [[nodiscard]] bool chance(unsigned percent) { return below(100) < percent; }

  template <typename T>
  [[nodiscard]] const T& pick(const std::vector<T>& choices) {
    return choices[below(choices.size())];
  }

  template <typename T>
  void shuffle(std::vector<T>& values) {
    for (std::size_t left = values.size(); left > 1; --left) {
      std::swap(values[left - 1], values[below(left)]);
    }
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace qchain::test
