// Target: a whole image: opened, walked, read. Input: an image file; what its header names is not there.
#include "qcow/chain/chain.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/memory_files.h"
#include "tests/fuzz/qcow2_mutator.h"
#include "tests/fuzz/read_all.h"

using namespace qchain;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::MemoryGate gate({std::as_bytes(std::span(data, size))});
  const auto chain = Chain::open(fuzz::image_name(0), gate, {.format = ImageFormat::qcow2});
  if (chain) {
    fuzz::read_all(*chain);
  }
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned int seed) {
  fuzz::Random random(seed);
  return fuzz::changed_in_place(data, size, max_size,
                                [&](fuzz::Content& image) { fuzz::mutate_image(image, max_size, random); });
}
