#include "tests/oracle/slice_copy.h"

#include "tests/support/files.h"
#include "tests/support/qcow2_places.h"
#include "tests/support/qemu.h"

namespace qchain::test {
namespace {

/// QEMU does not rebase an image that is marked as corrupt, but reads it.
void clear_corrupt_bit(const std::string& image) {
  constexpr std::uint64_t corrupt = 2;
  if (peek_be<std::uint32_t>(image, field::version) < 3) {
    return;
  }
  const auto features = peek_be<std::uint64_t>(image, field::incompatible);
  if ((features & corrupt) != 0) {
    poke_be(image, field::incompatible, features & ~corrupt);
  }
}

}  // namespace

std::string copy_slice(const MadeChain& chain, std::size_t base, std::size_t top, const std::string& folder) {
  const auto copied = [&](std::size_t position) { return folder + "/" + chain.layers[position].file; };
  for (std::size_t i = base; i <= top; ++i) {
    copy_with_holes(chain.path(i), copied(i));
    if (chain.layers[i].format == "qcow2") {
      clear_corrupt_bit(copied(i));
    }
  }
  if (base > 0) {
    qemu_img({"rebase", "-u", "-f", "qcow2", "-b", "", copied(base)});
  }
  for (std::size_t i = base + 1; i <= top; ++i) {
    // Relative names are right in the copy as they are: the folders are the same.
    if (chain.layers[i].naming == Naming::relative) {
      continue;
    }
    qemu_img({"rebase", "-u", "-f", "qcow2", "-F", chain.layers[i - 1].format, "-b", copied(i - 1), copied(i)});
  }
  return copied(top);
}

}  // namespace qchain::test
