#pragma once

#include <span>
#include <vector>

#include "qcow/core/bytes.h"
#include "tests/fuzz/qcow2_mutator.h"

/// A chain as one input: for each image, bottom first, its length (4 bytes, big-endian) and its bytes. Image N is the
/// file "N.img". The last one may be cut short; more than four are not looked at.
namespace qchain::fuzz {

inline constexpr std::size_t most_images = 4;

[[nodiscard]] std::vector<Bytes> unpack_chain(Bytes input);

/// Changes one image of a packed chain, or now and then the order of the images, in place. Returns the new size.
[[nodiscard]] std::size_t mutate_chain(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned int seed);

}  // namespace qchain::fuzz
