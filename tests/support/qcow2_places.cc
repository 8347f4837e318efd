#include "tests/support/qcow2_places.h"

#include <stdexcept>

#include "tests/support/files.h"

namespace qchain::test {
namespace {

constexpr std::uint64_t offset_mask = 0x00fffffffffffe00;
constexpr std::uint64_t extended_l2_bit = 1U << 4;

std::uint64_t entry_size(const std::string& image) {
  const bool has_features = peek_be<std::uint32_t>(image, field::version) >= 3;
  return has_features && (peek_be<std::uint64_t>(image, field::incompatible) & extended_l2_bit) != 0 ? 16 : 8;
}

struct Geometry {
  explicit Geometry(const std::string& image)
      : cluster(std::uint64_t{1} << peek_be<std::uint32_t>(image, field::cluster_bits)),
        entry(entry_size(image)),
        entries(cluster / entry) {}
  std::uint64_t cluster;
  std::uint64_t entry;
  std::uint64_t entries;
};

}  // namespace

std::uint64_t l1_entry_place(const std::string& image, std::uint64_t guest_offset) {
  const Geometry geometry(image);
  return peek_be<std::uint64_t>(image, field::l1_offset) + guest_offset / geometry.cluster / geometry.entries * 8;
}

std::uint64_t l2_entry_place(const std::string& image, std::uint64_t guest_offset) {
  const Geometry geometry(image);
  const std::uint64_t table = peek_be<std::uint64_t>(image, l1_entry_place(image, guest_offset)) & offset_mask;
  if (table == 0) {
    throw std::runtime_error(image + ": no L2 table there");
  }
  return table + guest_offset / geometry.cluster % geometry.entries * geometry.entry;
}

std::uint64_t l2_entry(const std::string& image, std::uint64_t guest_offset) {
  return peek_be<std::uint64_t>(image, l2_entry_place(image, guest_offset));
}

void poke_l2_entry(const std::string& image, std::uint64_t guest_offset, std::uint64_t entry) {
  poke_be(image, l2_entry_place(image, guest_offset), entry);
}

void poke_subclusters(const std::string& image, std::uint64_t guest_offset, std::uint64_t bitmap) {
  poke_be(image, l2_entry_place(image, guest_offset) + 8, bitmap);
}

ExtensionPlace extension_place(const std::string& image, std::uint32_t type) {
  const bool version_2 = peek_be<std::uint32_t>(image, field::version) == 2;
  std::uint64_t place = version_2 ? 72 : peek_be<std::uint32_t>(image, field::header_length);
  for (std::uint32_t found = 1; found != 0;) {
    found = peek_be<std::uint32_t>(image, place);
    const auto length = peek_be<std::uint32_t>(image, place + 4);
    if (found == type) {
      return {place + 8, length};
    }
    place += 8 + align_up(length, 8);
  }
  throw std::runtime_error(image + ": no such header extension");
}

void change_header_length(const std::string& image, std::uint32_t length, unsigned fill) {
  const auto old_length = peek_be<std::uint32_t>(image, field::header_length);
  const auto name_offset = peek_be<std::uint64_t>(image, field::backing_offset);
  const auto name_size = peek_be<std::uint32_t>(image, field::backing_size);
  const ByteVector moved = read_file(image, old_length, name_offset + name_size - old_length);
  poke(image, length, moved);
  if (length > old_length) {
    poke(image, old_length, ByteVector(length - old_length, static_cast<std::byte>(fill)));
  }
  poke_be(image, field::backing_offset, name_offset + length - old_length);
  poke_be(image, field::header_length, length);
}

}  // namespace qchain::test
