// Target: a chain of up to four images, opened by what the topmost names, walked and read. Input: see packed_chain.h.
#include "qcow/chain/chain.h"

#include "tests/fuzz/input.h"
#include "tests/fuzz/memory_files.h"
#include "tests/fuzz/packed_chain.h"
#include "tests/fuzz/read_all.h"

using namespace qchain;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto images = fuzz::unpack_chain(std::as_bytes(std::span(data, size)));
  if (images.empty()) {
    return 0;
  }
  fuzz::MemoryGate gate(images);
  if (const auto chain = Chain::open(fuzz::image_name(images.size() - 1), gate)) {
    fuzz::require(chain->depth() <= images.size(), "no image is in a chain twice");
    fuzz::read_all(*chain);
  }
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned int seed) {
  return fuzz::mutate_chain(data, size, max_size, seed);
}
