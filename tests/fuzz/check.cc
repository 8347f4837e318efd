// Target: the metadata of an image are checked, and held against what a reader makes of them. Input: an image file.
#include "qcow/chain/chain.h"
#include "qcow/chain/view.h"
#include "qcow/check/image_check.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/memory_files.h"
#include "tests/fuzz/qcow2_mutator.h"

using namespace qchain;

namespace {

constexpr std::size_t few_pages = 1;  // an image of more than 64 clusters is then gone through several times
constexpr int most_steps = 200;       // of a walk: a disk may have more extents than there is time

bool reads_broken(const Chain& chain) {
  const View view({.chain = chain, .base = 0, .top = chain.depth() - 1}, ViewCaches({.index = 0, .clusters = 0}));
  ExtentWalk walk(view, {0, view.size()});
  for (int step = 0; step < most_steps; ++step) {
    const auto extent = walk.next();
    if (!extent || extent->kind == ExtentKind::broken) {
      return extent.has_value();
    }
  }
  return false;
}

void check_twice(const Image& image, bool is_broken) {
  const auto once = check_image(image, {});
  const auto in_parts = check_image(image, {.progress = {}, .stop = {}, .counter_pages = few_pages});
  fuzz::require(once.has_value() == in_parts.has_value(), "a check in parts ends as one at once");
  if (once) {
    fuzz::require(once->corruptions == in_parts->corruptions && once->leaks == in_parts->leaks,
                  "a check in parts counts what one at once does");
    fuzz::require(once->overlaps == in_parts->overlaps, "a check in parts finds the same overlaps");
    fuzz::require(!is_broken || once->damaged(), "what a reader can't read, a check calls damage");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::MemoryGate gate({std::as_bytes(std::span(data, size))});
  ChainOptions alone{.format = ImageFormat::qcow2};
  alone.below = Below::left_out;
  if (const auto chain = Chain::open(fuzz::image_name(0), gate, alone)) {
    check_twice(*chain->active().image, reads_broken(*chain));
  }
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned int seed) {
  fuzz::Random random(seed);
  return fuzz::changed_in_place(data, size, max_size,
                                [&](fuzz::Content& image) { fuzz::mutate_image(image, max_size, random); });
}
