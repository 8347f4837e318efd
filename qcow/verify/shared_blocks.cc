#include "qcow/verify/shared_blocks.h"

#include <algorithm>

namespace qchain {

SharedBlocks::Answer SharedBlocks::compare(const Storage& a, std::uint64_t a_offset, const Storage& b,
                                           std::uint64_t b_offset, std::uint64_t length) {
  if (a.identity().device != b.identity().device) {
    return {.same = false, .length = length};
  }
  const PlacedRun of_b = placed(b).at(b_offset);
  length = std::min(length, of_b.stored.end() - b_offset);
  if (!of_b.shared_at) {
    return {.same = false, .length = length};  // the other file need not be asked: most share nothing
  }
  const PlacedRun of_a = placed(a).at(a_offset);
  length = std::min(length, of_a.stored.end() - a_offset);
  const bool same = of_a.shared_at && *of_a.shared_at + (a_offset - of_a.stored.start) ==
                                          *of_b.shared_at + (b_offset - of_b.stored.start);
  return {.same = same, .length = length};
}

PlacedFile& SharedBlocks::placed(const Storage& file) {
  return files_.try_emplace(&file, file).first->second;
}

}  // namespace qchain
