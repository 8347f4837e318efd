#include "qcow/copy/qcow2_writer.h"

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

std::vector<std::byte> big_endian(std::span<const std::uint64_t> entries, std::uint64_t padded_size) {
  std::vector<std::byte> bytes(padded_size);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    store_be(bytes, i * entry_size, entries[i]);
  }
  return bytes;
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

Result<std::unique_ptr<ImageWriter>> Qcow2Writer::create(const WritableFile& file, std::uint64_t guest_size) {
  std::uint32_t bits = usual_cluster_bits;
  while (bits <= format::max_cluster_bits && divide_up(guest_size, table_span(bits)) > max_l1_entries) {
    ++bits;
  }
  if (bits > format::max_cluster_bits) {
    return std::unexpected(
        make_error(ErrorKind::limit, "the disk is too large for a qcow2 image").in(file.name()).advise("copy to raw"));
  }
  return std::unique_ptr<ImageWriter>(new Qcow2Writer(file, guest_size, bits));
}

Qcow2Writer::Qcow2Writer(const WritableFile& file, std::uint64_t guest_size, std::uint32_t cluster_bits)
    : file_(file), guest_size_(guest_size), cluster_bits_(cluster_bits) {
  l1_.resize(divide_up(guest_size, table_span(cluster_bits)));
  l2_.resize(cluster_size() / entry_size);
  l1_offset_ = allocate(divide_up(l1_.size() * entry_size, cluster_size()));
}

std::uint64_t Qcow2Writer::allocate(std::uint64_t clusters) noexcept {
  const std::uint64_t first = next_cluster_;
  next_cluster_ += clusters;
  return first << cluster_bits_;
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
  QC_TRY(file_.write(l1_[table_index_] & ~copied_flag, big_endian(l2_, cluster_size())));
  std::ranges::fill(l2_, 0);
  return {};
}

Result<Placement> Qcow2Writer::place(Range guest) {
  QC_TRY(enter_table(guest.start / table_span(cluster_bits_)));
  const std::uint64_t in_cluster = guest.start & (cluster_size() - 1);
  std::uint64_t index = (guest.start >> cluster_bits_) % l2_.size();
  if (l2_[index] == 0) {
    l2_[index] = allocate(1) | copied_flag;
  }
  const std::uint64_t offset = (l2_[index] & ~copied_flag) + in_cluster;
  std::uint64_t length = cluster_size() - in_cluster;
  // Clusters come in ascending order: those after this one are new, and follow it as long as the table lasts.
  while (length < guest.length && ++index < l2_.size() && (next_cluster_ << cluster_bits_) == offset + length) {
    l2_[index] = allocate(1) | copied_flag;
    length += cluster_size();
  }
  return Placement{offset, std::min(length, guest.length)};
}

Result<void> Qcow2Writer::write_l1() {
  return file_.write(l1_offset_, big_endian(l1_, l1_.size() * entry_size));
}

Result<void> Qcow2Writer::write_refcounts() {
  const std::uint64_t per_block = cluster_size() / refcount_size;
  const auto [blocks, table_clusters] = refcount_space(next_cluster_, cluster_bits_);
  const std::uint64_t first_block = allocate(blocks);
  refcount_table_offset_ = allocate(table_clusters);
  refcount_table_clusters_ = static_cast<std::uint32_t>(table_clusters);

  std::vector<std::uint64_t> table(blocks);
  std::vector<std::byte> block(cluster_size());
  for (std::uint64_t i = 0; i < blocks; ++i) {
    std::ranges::fill(block, std::byte{0});
    const std::uint64_t used = std::min(per_block, next_cluster_ - i * per_block);
    for (std::uint64_t entry = 0; entry < used; ++entry) {
      store_be(block, entry * refcount_size, std::uint16_t{1});
    }
    table[i] = first_block + i * cluster_size();
    QC_TRY(file_.write(table[i], block));
  }
  return file_.write(refcount_table_offset_, big_endian(table, table_clusters * cluster_size()));
}

// Field offsets: the qcow2 specification, "Header".
Result<void> Qcow2Writer::write_header() {
  std::vector<std::byte> header(cluster_size());
  store_be(header, 0, format::magic);
  store_be(header, 4, std::uint32_t{3});
  store_be(header, 20, cluster_bits_);
  store_be(header, 24, guest_size_);
  store_be(header, 36, static_cast<std::uint32_t>(l1_.size()));
  store_be(header, 40, l1_offset_);
  store_be(header, 48, refcount_table_offset_);
  store_be(header, 56, refcount_table_clusters_);
  store_be(header, 96, std::uint32_t{4});  // refcount_order
  store_be(header, 100, format::full_header_length);
  return file_.write(0, header);
}

Result<void> Qcow2Writer::finish() {
  QC_TRY(flush_table());
  QC_TRY(write_l1());
  QC_TRY(write_refcounts());
  // The header makes the file an image: all that it points to must be on the disk before.
  QC_TRY(file_.sync());
  return write_header();
}

}  // namespace qchain
