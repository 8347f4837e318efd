#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace qchain::fuzz {

using Content = std::vector<std::uint8_t>;

/// libFuzzer's generator of seeds is a number; all randomness of one change comes from it.
using Random = std::mt19937;

/// Changes one thing of a qcow2 image in the way that a hostile image is made: a field of the header, an entry of an
/// L1, L2 or refcount table, a header extension, the end of the file, or a few bytes anywhere. The magic is kept most
/// of the time. Whatever the image says, only bytes inside `image` are touched; it grows to `max_size` at the most.
void mutate_image(Content& image, std::size_t max_size, Random& random);

/// A few bytes anywhere, by libFuzzer's own changes.
void mutate_window(Content& content, Random& random);

/// What a custom mutator does around a change of `content`: copies in and out.
template <typename Change>
std::size_t changed_in_place(std::uint8_t* data, std::size_t size, std::size_t max_size, Change&& change) {
  Content content(data, data + size);
  change(content);
  const std::size_t length = std::min(content.size(), max_size);
  std::copy_n(content.begin(), length, data);
  return length;
}

}  // namespace qchain::fuzz

/// libFuzzer's, or in a replay that of replay.cc: changes `data` in place and returns its new size.
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);
/// A target that has one is fed with its changes.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned int seed);
