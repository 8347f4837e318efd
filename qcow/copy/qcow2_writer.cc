#include "qcow/copy/qcow2_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "qcow/core/bytes.h"
#include "qcow/format/limits.h"

namespace qchain {
namespace {

constexpr std::uint32_t usual_cluster_bits = 16;
constexpr std::uint64_t entry_size = 8;                        ///< of L1, L2 and refcount table
constexpr std::uint64_t refcount_size = 2;                     ///< bytes: refcount_order 4
constexpr std::uint64_t copied_flag = std::uint64_t{1} << 63;  ///< refcount is exactly 1: may be written in place
constexpr std::uint64_t max_l1_entries = format::max_l1_bytes / entry_size;

constexpr std::uint64_t divide_up(std::uint64_t value, std::uint64_t unit) {
  return value / unit + (value % unit != 0 ? 1 : 0);
}

/// Guest bytes under one L1 entry.
constexpr std::uint64_t table_span(std::uint32_t cluster_bits) {
  return ((std::uint64_t{1} << cluster_bits) / entry_size) << cluster_bits;
}

bool can_hold(std::uint64_t guest_size, std::uint32_t cluster_bits) {
  return cluster_bits <= format::max_cluster_bits && divide_up(guest_size, table_span(cluster_bits)) <= max_l1_entries;
}

/// Past the largest there are, where none fits.
std::uint32_t smallest_fit(std::uint64_t guest_size) {
  std::uint32_t bits = usual_cluster_bits;
  while (bits <= format::max_cluster_bits && !can_hold(guest_size, bits)) {
    ++bits;
  }
  return bits;
}

Error too_large(std::uint64_t guest_size, std::optional<std::uint32_t> chosen_bits) {
  if (!chosen_bits || !can_hold(guest_size, format::max_cluster_bits)) {
    return make_error(ErrorKind::limit, "the disk is too large for a qcow2 image").advise("copy to raw");
  }
  return make_error(ErrorKind::limit,
                    fmt::format("the disk is too large for clusters of {} bytes", std::uint64_t{1} << *chosen_bits))
      .advise("use larger clusters");
}

std::vector<std::byte> big_endian(std::span<const std::uint64_t> entries) {
  std::vector<std::byte> bytes(entries.size() * entry_size);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    store_be(bytes, i * entry_size, entries[i]);
  }
  return bytes;
}

std::span<const std::uint64_t> without_zeros_at_end(std::span<const std::uint64_t> entries) {
  while (!entries.empty() && entries.back() == 0) {
    entries = entries.first(entries.size() - 1);
  }
  return entries;
}

}  // namespace

RefcountSpace refcount_space(std::uint64_t used, std::uint32_t cluster_bits) noexcept {
  const std::uint64_t cluster_size = std::uint64_t{1} << cluster_bits;
  RefcountSpace space;
  // More blocks may need more blocks; each round adds fewer, until one adds none.
  for (std::uint64_t before = UINT64_MAX; before != space.blocks;) {
    before = space.blocks;
    space.blocks = divide_up(used + space.blocks + space.table_clusters, cluster_size / refcount_size);
    space.table_clusters = divide_up(space.blocks * entry_size, cluster_size);
  }
  return space;
}

Result<std::unique_ptr<ImageWriter>> Qcow2Writer::create(const WritableFile& file, std::uint64_t guest_size,
                                                         const Qcow2Shape& shape) {
  const std::uint32_t bits = shape.cluster_bits.value_or(smallest_fit(guest_size));
  if (!can_hold(guest_size, bits)) {
    return std::unexpected(too_large(guest_size, shape.cluster_bits).in(file.name()));
  }
  const format::NewHeader header{.guest_size = guest_size,
                                 .cluster_bits = bits,
                                 .l1_entries = static_cast<std::uint32_t>(divide_up(guest_size, table_span(bits))),
                                 .backing = shape.backing};
  QC_TRY_IN(file.name(), format::encode_header(header));  // a name without room is found before anything is written
  return std::unique_ptr<ImageWriter>(new Qcow2Writer(file, header));
}

Qcow2Writer::Qcow2Writer(const WritableFile& file, format::NewHeader header)
    : file_(file), header_(std::move(header)), l1_(header_.l1_entries) {
  l2_.resize(cluster_size() / entry_size);
  header_.l1_offset = allocate(divide_up(l1_.size() * entry_size, cluster_size()));
}

std::uint64_t Qcow2Writer::allocate(std::uint64_t clusters) noexcept {
  const std::uint64_t first = next_cluster_;
  next_cluster_ += clusters;
  return first << header_.cluster_bits;
}

Result<void> Qcow2Writer::enter_table(std::uint64_t l1_index) {
  if (l1_index == table_index_) {
    return {};
  }
  QC_TRY(flush_table());
  l1_[l1_index] = allocate(1) | copied_flag;
  table_index_ = l1_index;
  return {};
}

Result<void> Qcow2Writer::flush_table() {
  if (table_index_ == UINT64_MAX) {
    return {};
  }
  QC_TRY(file_.write(l1_[table_index_] & ~copied_flag, big_endian(l2_)));
  std::ranges::fill(l2_, 0);
  return {};
}

Result<Placement> Qcow2Writer::place(Range guest) {
  QC_TRY(enter_table(guest.start / table_span(header_.cluster_bits)));
  const std::uint64_t in_cluster = guest.start & (cluster_size() - 1);
  std::uint64_t index = (guest.start >> header_.cluster_bits) % l2_.size();
  if (l2_[index] == 0) {
    l2_[index] = allocate(1) | copied_flag;
  }
  const std::uint64_t offset = (l2_[index] & ~copied_flag) + in_cluster;
  std::uint64_t length = cluster_size() - in_cluster;
  // Clusters come in ascending order: those after this one are new, and follow it as long as the table lasts.
  while (length < guest.length && ++index < l2_.size() && (next_cluster_ << header_.cluster_bits) == offset + length) {
    l2_[index] = allocate(1) | copied_flag;
    length += cluster_size();
  }
  return Placement{offset, std::min(length, guest.length)};
}

Result<void> Qcow2Writer::write_l1() {
  return file_.write(header_.l1_offset, big_endian(without_zeros_at_end(l1_)));
}

Result<void> Qcow2Writer::write_refcounts() {
  const std::uint64_t per_block = cluster_size() / refcount_size;
  const auto [blocks, table_clusters] = refcount_space(next_cluster_, header_.cluster_bits);
  const std::uint64_t first_block = allocate(blocks);
  header_.refcount_table_offset = allocate(table_clusters);
  header_.refcount_table_clusters = static_cast<std::uint32_t>(table_clusters);

  std::vector<std::uint64_t> table(blocks);
  std::vector<std::byte> block(cluster_size());
  for (std::uint64_t i = 0; i < blocks; ++i) {
    const std::uint64_t used = std::min(per_block, next_cluster_ - i * per_block);
    for (std::uint64_t entry = 0; entry < used; ++entry) {
      store_be(block, entry * refcount_size, std::uint16_t{1});
    }
    table[i] = first_block + i * cluster_size();
    QC_TRY(file_.write(table[i], Bytes(block).first(used * refcount_size)));
  }
  return file_.write(header_.refcount_table_offset, big_endian(table));
}

Result<void> Qcow2Writer::write_header() {
  return file_.write(0, QC_TRY(format::encode_header(header_)));
}

Result<void> Qcow2Writer::finish() {
  QC_TRY(flush_table());
  QC_TRY(write_l1());
  QC_TRY(write_refcounts());
  // Zeros at a table's end were not written: an empty image of large clusters is made of holes.
  QC_TRY(file_.resize(next_cluster_ << header_.cluster_bits));
  // The header makes the file an image: all that it points to must be on the disk before.
  QC_TRY(file_.sync());
  return write_header();
}

}  // namespace qchain
