#include "qcow/check/refcount_reader.h"

#include <algorithm>

#include "qcow/core/range.h"

namespace qchain {

Result<RefcountReader> RefcountReader::open(const format::Header& header, const Storage& storage) {
  RefcountReader reader(header, storage);
  // parse_header has checked that this is 8 MiB at most; what lies past the file's end is zeros.
  const std::uint64_t length = std::uint64_t{header.refcount_table_clusters} << header.cluster_bits;
  const std::uint64_t there = storage.size() - std::min(storage.size(), header.refcount_table_offset);
  std::vector<std::byte> bytes(align_up(std::min(length, there), sizeof(std::uint64_t)));
  QC_TRY(storage.read_padded(header.refcount_table_offset, bytes));
  reader.table_.resize(bytes.size() / sizeof(std::uint64_t));
  for (std::size_t i = 0; i < reader.table_.size(); ++i) {
    reader.table_[i] = load_be<std::uint64_t>(bytes, i * sizeof(std::uint64_t));
  }
  return reader;
}

std::uint64_t RefcountReader::block_entries() const noexcept {
  return (header_->cluster_size() * 8) >> header_->refcount_order;
}

std::uint64_t RefcountReader::highest() const noexcept {
  return UINT64_MAX >> (64U - (1U << header_->refcount_order));
}

Result<std::uint64_t> RefcountReader::get(std::uint64_t cluster) {
  const std::uint64_t block = block_offset(cluster / block_entries());
  if (block == 0) {
    return 0U;
  }
  if (!is_aligned(block, header_->cluster_size())) {
    return fail(ErrorKind::corrupt, "refcount block does not begin on a cluster border");
  }
  if (!fits(block, header_->cluster_size(), format::max_virtual_size)) {
    return fail(ErrorKind::corrupt, "refcount block lies past the largest file offset");
  }
  const unsigned width = 1U << header_->refcount_order;
  const std::uint64_t bit = cluster % block_entries() * width;
  const std::uint64_t place = block + bit / 8;
  const Piece& piece = *QC_TRY(piece_at(align_down(place, Piece::size)));
  const std::size_t at = place % Piece::size;
  if (width < 8) {  // from the lowest bit on
    return (std::to_integer<std::uint64_t>(piece.bytes[at]) >> (bit % 8)) & ((1U << width) - 1);
  }
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < width / 8; ++i) {
    value = value << 8 | std::to_integer<std::uint64_t>(piece.bytes[at + i]);
  }
  return value;
}

Result<const RefcountReader::Piece*> RefcountReader::piece_at(std::uint64_t offset) {
  Piece& piece = cache_[offset / Piece::size % cache_.size()];
  if (piece.offset != offset) {
    piece.offset = UINT64_MAX;
    QC_TRY(storage_->read_padded(offset, piece.bytes));
    piece.offset = offset;
  }
  return &piece;
}

}  // namespace qchain
