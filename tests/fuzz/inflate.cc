// Target: compressed clusters, any bytes. Input: cluster bits (1 byte), compression type (1 byte), packed bytes.
#include "qcow/format/inflate.h"

#include <vector>

#include "tests/fuzz/input.h"

using namespace qchain;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  constexpr std::uint32_t choices = format::max_cluster_bits - format::min_cluster_bits + 1;
  const std::uint32_t cluster_bits = format::min_cluster_bits + input.take<std::uint8_t>() % choices;
  const auto type = input.take<std::uint8_t>() % 2 == 0 ? format::CompressionType::zlib : format::CompressionType::zstd;
  const std::vector<std::byte> packed(input.rest().begin(), input.rest().end());
  std::vector<std::byte> first(std::size_t{1} << cluster_bits, std::byte{0x00});
  std::vector<std::byte> second(first.size(), std::byte{0xff});
  const auto once = format::inflate(type, packed, first);
  const auto again = format::inflate(type, packed, second);
  fuzz::require(once.has_value() == again.has_value(), "the same bytes, the same answer");
  fuzz::require(!once || first == second, "an inflated cluster is filled completely, from the packed bytes alone");
  return 0;
}
