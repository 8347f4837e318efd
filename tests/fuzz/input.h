#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>

#include "qcow/core/bytes.h"

namespace qchain::fuzz {

/// What a fuzz target promises of any input: when it does not hold, the program dies and the input is kept.
inline void require(bool holds, const char* promise) {
  if (!holds) {
    std::fprintf(stderr, "broken promise: %s\n", promise);
    std::abort();
  }
}

/// Takes an input apart from its front; past its end there are zeros.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(std::as_bytes(std::span(data, size))) {}

  template <typename T>
  [[nodiscard]] T take() {
    std::byte raw[sizeof(T)] = {};
    const std::size_t count = std::min(sizeof raw, rest_.size());
    std::copy_n(rest_.begin(), count, raw);
    rest_ = rest_.subspan(count);
    return load_be<T>(raw, 0);
  }
  [[nodiscard]] Bytes rest() const { return rest_; }
  [[nodiscard]] bool empty() const { return rest_.empty(); }

 private:
  Bytes rest_;
};

}  // namespace qchain::fuzz

/// Each target is one such function; libFuzzer calls it with inputs of its making, replay.cc with the corpus.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
