#include "tests/fuzz/qcow2_mutator.h"

#include <algorithm>
#include <array>

namespace qchain::fuzz {
namespace {

/// A number in the header: where it lies, and how many bytes it has.
struct Field {
  std::uint64_t offset;
  unsigned width;
};

// Source: QEMU docs/interop/qcow2.txt, "Header".
constexpr std::array fields = {
    Field{4, 4},    // version
    Field{8, 8},    // backing file offset
    Field{16, 4},   // backing file size
    Field{20, 4},   // cluster bits
    Field{24, 8},   // virtual size
    Field{32, 4},   // encryption
    Field{36, 4},   // L1 entries
    Field{40, 8},   // L1 table
    Field{48, 8},   // refcount table
    Field{56, 4},   // its clusters
    Field{60, 4},   // internal snapshots
    Field{64, 8},   // their table
    Field{72, 8},   // incompatible features
    Field{80, 8},   // compatible features
    Field{88, 8},   // autoclear features
    Field{96, 4},   // refcount order
    Field{100, 4},  // header length
    Field{104, 1},  // compression type
};
constexpr std::uint64_t offset_mask = 0x00ff'ffff'ffff'fe00;

/// One image under change. Numbers are read and written where they lie inside it, else they are 0 and stay.
class Mutation {
 public:
  Mutation(Content& image, std::size_t max_size, Random& random)
      : image_(image), max_size_(max_size), random_(random) {}

  void change_something() {
    using Way = void (Mutation::*)();
    constexpr std::array<Way, 12> ways = {
        &Mutation::change_field,       &Mutation::change_field,     &Mutation::change_l1,
        &Mutation::change_l2,          &Mutation::change_l2,        &Mutation::change_l2,
        &Mutation::change_bitmap,      &Mutation::change_extension, &Mutation::change_refcounts,
        &Mutation::change_named_table, &Mutation::change_length,    &Mutation::change_bytes};
    (this->*ways[below(ways.size())])();
  }

 private:
  [[nodiscard]] std::uint64_t below(std::uint64_t bound) {
    return std::uniform_int_distribution<std::uint64_t>(0, bound - 1)(random_);
  }
  [[nodiscard]] std::uint64_t size() const { return image_.size(); }

  [[nodiscard]] bool is_inside(std::uint64_t offset, std::uint64_t width) const {
    return offset <= size() && width <= size() - offset;
  }
  [[nodiscard]] std::uint64_t number_at(std::uint64_t offset, unsigned width) const {
    std::uint64_t value = 0;
    for (unsigned i = 0; is_inside(offset, width) && i < width; ++i) {
      value = value << 8 | image_[offset + i];
    }
    return value;
  }
  void put(std::uint64_t offset, unsigned width, std::uint64_t value) {
    for (unsigned i = width; is_inside(offset, width) && i-- > 0; value >>= 8) {
      image_[offset + i] = static_cast<std::uint8_t>(value);
    }
  }

  [[nodiscard]] std::uint64_t cluster_bits() const { return std::clamp<std::uint64_t>(number_at(20, 4), 9, 21); }
  [[nodiscard]] std::uint64_t cluster() const { return std::uint64_t{1} << cluster_bits(); }
  [[nodiscard]] bool is_extended() const { return number_at(4, 4) >= 3 && (number_at(72, 8) & 16) != 0; }
  [[nodiscard]] std::uint64_t entry_size() const { return is_extended() ? 16 : 8; }

  /// Places where something is, or just is not.
  [[nodiscard]] std::uint64_t some_place() {
    const std::uint64_t any_cluster = below(size() / cluster() + 2) * cluster();
    const std::array<std::uint64_t, 10> places = {0,
                                                  any_cluster,
                                                  any_cluster,
                                                  any_cluster + 512 * below(cluster() / 512),
                                                  number_at(40, 8),
                                                  number_at(48, 8),
                                                  number_at(64, 8),
                                                  size() & ~(cluster() - 1),
                                                  below(std::max<std::uint64_t>(size(), 1)),
                                                  std::uint64_t{1} << below(64)};
    return places[below(places.size())];
  }
  [[nodiscard]] std::uint64_t some_number(std::uint64_t now) {
    const std::array<std::uint64_t, 9> numbers = {0,
                                                  1,
                                                  now + 1,
                                                  now - 1,
                                                  now ^ (std::uint64_t{1} << below(64)),
                                                  UINT64_MAX,
                                                  std::uint64_t{1} << below(64),
                                                  below(256),
                                                  some_place()};
    return numbers[below(numbers.size())];
  }

  void change_field() {
    const Field field = fields[below(fields.size())];
    put(field.offset, field.width, some_number(number_at(field.offset, field.width)));
  }

  /// Offset of one of a table's first entries that lie in the file, preferably of one that says something.
  [[nodiscard]] std::uint64_t some_entry(std::uint64_t table, std::uint64_t entries, std::uint64_t width) {
    const std::uint64_t inside = table < size() ? std::min(entries, (size() - table) / width) : 0;
    if (inside == 0) {
      return UINT64_MAX;
    }
    std::uint64_t entry = table + width * below(inside);
    for (int attempt = 0; attempt < 8 && number_at(entry, 8) == 0; ++attempt) {
      entry = table + width * below(inside);
    }
    return entry;
  }
  [[nodiscard]] std::uint64_t some_l1_entry() { return some_entry(number_at(40, 8), number_at(36, 4), 8); }
  [[nodiscard]] std::uint64_t some_l2_entry() {
    return some_entry(number_at(some_l1_entry(), 8) & offset_mask, cluster() / entry_size(), entry_size());
  }

  void change_l1() {
    const std::uint64_t entry = some_l1_entry();
    put(entry, 8, below(2) == 0 ? some_place() | below(2) << 63 : some_number(number_at(entry, 8)));
  }

  void change_l2() {
    const std::uint64_t entry = some_l2_entry();
    const std::uint64_t shift = 62 - (cluster_bits() - 8);
    switch (below(4)) {
      case 0:
        return put(entry, 8, some_place() | below(2) << 63 | below(2));
      case 1:  // compressed: sectors - 1, and the place of the first byte
        return put(entry, 8, 1ULL << 62 | below(cluster() / 256) << shift | (some_place() & ((1ULL << shift) - 1)));
      case 2:
        return put(entry, 8, number_at(some_l2_entry(), 8));  // two guest clusters, one place
      default:
        return put(entry, 8, some_number(number_at(entry, 8)));
    }
  }

  /// Which subclusters have data (low half), and which read as zeros (high half).
  void change_bitmap() {
    if (!is_extended()) {
      return change_l2();
    }
    const std::uint64_t entry = some_l2_entry();
    if (entry != UINT64_MAX) {
      put(entry + 8, 8, number_at(entry + 8, 8) ^ (1ULL << below(64)) ^ (below(2) << below(64)));
    }
  }

  void change_extension() {
    std::uint64_t at = number_at(4, 4) >= 3 ? number_at(100, 4) : 72;
    for (std::uint64_t skip = below(4); skip > 0 && number_at(at, 4) != 0; --skip) {
      at += 8 + (number_at(at + 4, 4) + 7) / 8 * 8;
    }
    constexpr std::array<std::uint64_t, 6> types = {0, 0xe2792aca, 0x6803f857, 0x23852875, 0x44415441, 0x0537be77};
    switch (below(3)) {
      case 0:
        return put(at, 4, types[below(types.size())]);
      case 1:
        return put(at + 4, 4, some_number(number_at(at + 4, 4)));
      default:
        return put(at + 8 + 4 * below(8), 4, some_number(number_at(at + 8, 4)));
    }
  }

  void change_refcounts() {
    const std::uint64_t table_entry = some_entry(number_at(48, 8), number_at(56, 4) * cluster() / 8, 8);
    if (below(3) == 0) {
      return put(table_entry, 8, some_place());
    }
    const std::uint64_t block = number_at(table_entry, 8) & offset_mask;
    put(block + 2 * below(size() / cluster() + 1), 2, below(2) == 0 ? below(4) : below(65536));
  }

  /// The table of snapshots, or the directory of bitmaps where the extensions lead to one.
  void change_named_table() {
    const std::uint64_t table = number_at(64, 8);
    const std::uint64_t at = (table != 0 ? table : some_place()) + 4 * below(24);
    put(at, 4, some_number(number_at(at, 4)));
  }

  void change_length() {
    switch (below(3)) {
      case 0:
        return image_.resize(below(size() + 1));
      case 1:
        return image_.resize(std::min<std::size_t>(max_size_, size() + below(2 * cluster())));
      default:  // one cluster over another
        const std::uint64_t from = some_place() & ~(cluster() - 1);
        const std::uint64_t to = some_place() & ~(cluster() - 1);
        if (is_inside(from, cluster()) && is_inside(to, cluster()) && to > 0) {
          std::copy_n(Content(image_).begin() + static_cast<std::ptrdiff_t>(from), cluster(),
                      image_.begin() + static_cast<std::ptrdiff_t>(to));
        }
    }
  }

  void change_bytes() { mutate_window(image_, random_); }

  Content& image_;
  std::size_t max_size_;
  Random& random_;
};

}  // namespace

void mutate_window(Content& content, Random& random) {
  if (content.empty()) {
    return;
  }
  const auto start = std::uniform_int_distribution<std::size_t>(0, content.size() - 1)(random);
  const std::size_t length = std::min<std::size_t>(content.size() - start, 32);
  LLVMFuzzerMutate(content.data() + start, length, length);
}

void mutate_image(Content& image, std::size_t max_size, Random& random) {
  Mutation mutation(image, max_size, random);
  for (auto left = 1 + random() % 3; left > 0; --left) {
    mutation.change_something();
  }
}

}  // namespace qchain::fuzz
