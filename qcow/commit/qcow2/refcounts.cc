#include "qcow/commit/qcow2/refcounts.h"

#include <fmt/format.h>

#include <algorithm>

#include "qcow/commit/qcow2/refcount_width.h"

namespace qchain::qcow2_base {
namespace {

constexpr std::uint64_t entry_size = sizeof(std::uint64_t);
constexpr std::uint64_t block_offset_mask = ~std::uint64_t{0x1ff};
constexpr std::uint64_t max_host_offset = std::uint64_t{1} << 56;  ///< L1 and L2 entries have no room for more
constexpr std::size_t least_blocks = 4;

}  // namespace

Refcounts::Refcounts(const format::Header& header, GrowingFile& file, MetadataClusters& metadata, std::uint64_t limit,
                     std::uint64_t budget)
    : file_(file),
      metadata_(metadata),
      cluster_bits_(header.cluster_bits),
      order_(header.refcount_order),
      per_block_(header.cluster_size() * 8 >> header.refcount_order),
      ends_(limit < max_host_offset),
      limit_clusters_(std::min(limit, max_host_offset) >> header.cluster_bits),
      most_blocks_(std::max<std::uint64_t>(least_blocks, budget >> header.cluster_bits)),
      table_({}),
      table_place_{header.refcount_table_offset, std::uint64_t{header.refcount_table_clusters} << header.cluster_bits} {
}

std::uint64_t Refcounts::block_offset(std::uint64_t index) const noexcept {
  return index < table_entries() ? table_.load(index * entry_size) & block_offset_mask : 0;
}

Result<void> Refcounts::read_table() {
  std::vector<std::byte> bytes(table_place_.length);
  QC_TRY(file_.read(table_place_.start, bytes));
  table_ = SectorTable(std::move(bytes));
  metadata_.know(table_place_);
  for (std::uint64_t index = 0; index < table_entries(); ++index) {
    const std::uint64_t offset = block_offset(index);
    if (!is_aligned(offset, std::uint64_t{1} << cluster_bits_) || offset >= max_host_offset) {
      return fail(ErrorKind::corrupt, fmt::format("refcount block {} is not at a cluster: {:#x}", index, offset));
    }
    if (offset != 0) {
      metadata_.know({offset, std::uint64_t{1} << cluster_bits_});
    }
  }
  return {};
}

Result<void> Refcounts::find_end() {
  const std::uint64_t unit = std::uint64_t{1} << cluster_bits_;
  cursor_ = align_up(file_.end(), unit) >> cluster_bits_;
  while (ends_ && cursor_ > 0) {
    const std::uint64_t last = cursor_ - 1;
    if (block_offset(last / per_block_) == 0) {
      cursor_ = align_down(last, per_block_);  // a whole block's clusters are free
    } else if (QC_TRY(is_free(last))) {
      cursor_ = last;
    } else {
      break;
    }
  }
  return {};
}

Result<Refcounts::Block*> Refcounts::block(std::uint64_t index) {
  if (const auto found = by_index_.find(index); found != by_index_.end()) {
    blocks_.splice(blocks_.begin(), blocks_, found->second);
    return &blocks_.front();
  }
  const std::uint64_t offset = block_offset(index);
  if (offset == 0) {
    return nullptr;
  }
  QC_TRY(make_room());
  std::vector<std::byte> bytes(std::uint64_t{1} << cluster_bits_);
  QC_TRY(file_.read(offset, bytes));
  return &insert({index, offset, SectorTable(std::move(bytes)), false});
}

Refcounts::Block& Refcounts::insert(Block block) {
  blocks_.push_front(std::move(block));
  by_index_[blocks_.front().index] = blocks_.begin();
  return blocks_.front();
}

Result<void> Refcounts::make_room() {
  while (blocks_.size() >= most_blocks_) {
    QC_TRY(write(blocks_.back()));
    by_index_.erase(blocks_.back().index);
    blocks_.pop_back();
  }
  return {};
}

Result<void> Refcounts::write(Block& block) {
  if (block.fresh) {
    block.fresh = false;
    return block.refcounts.write_all(file_, block.offset);
  }
  return block.refcounts.write_changed(file_, block.offset);
}

Result<std::uint64_t> Refcounts::get(std::uint64_t cluster) {
  const Block* const found = QC_TRY(block(cluster / per_block_));
  return found == nullptr ? 0 : load_refcount(found->refcounts.bytes(), order_, cluster % per_block_);
}

Result<void> Refcounts::set(std::uint64_t cluster, std::uint64_t value) {
  Block* const found = QC_TRY(block(cluster / per_block_));
  if (found == nullptr) {
    return fail(ErrorKind::corrupt, fmt::format("host cluster {:#x} has no refcount block", cluster));
  }
  const auto [offset, length] = place_of_refcount(order_, cluster % per_block_);
  store_refcount(found->refcounts.edit(offset, length), order_, cluster % per_block_, value);
  return {};
}

Result<void> Refcounts::lower(Range range) {
  std::vector<std::uint64_t> free;
  const auto [first, last] = clusters_of(range, cluster_bits_);
  for (std::uint64_t cluster = first; cluster <= last; ++cluster) {
    const std::uint64_t refcount = QC_TRY(get(cluster));
    if (refcount == 0) {
      return fail(ErrorKind::corrupt, fmt::format("host cluster {:#x} is in use, but its refcount is 0", cluster));
    }
    QC_TRY(set(cluster, refcount - 1));
    if (refcount == 1) {
      free.push_back(cluster);
      metadata_.remove(cluster);
      worth_restart_ = true;
    }
  }
  return discard_free(free);
}

/// `clusters` ascend; those that lie together are one call.
Result<void> Refcounts::discard_free(const std::vector<std::uint64_t>& clusters) {
  for (auto first = clusters.begin(); first != clusters.end();) {
    auto last = first;
    while (last + 1 != clusters.end() && *(last + 1) == *last + 1) {
      ++last;
    }
    QC_TRY(file_.discard(range_between(*first << cluster_bits_, (*last + 1) << cluster_bits_)));
    first = last + 1;
  }
  return {};
}

Result<void> Refcounts::write_blocks() {
  for (Block& block : blocks_) {
    QC_TRY(write(block));
  }
  if (moved_) {
    QC_TRY(table_.write_all(file_, table_place_.start));
  }
  return {};
}

Result<Range> Refcounts::link(HeaderSector& header) {
  if (!moved_) {
    QC_TRY(table_.write_changed(file_, table_place_.start));
    return Range{};
  }
  header.set_refcount_table(table_place_.start, static_cast<std::uint32_t>(table_place_.length >> cluster_bits_));
  QC_TRY(header.write());
  moved_ = false;
  return replaced_table_;
}

}  // namespace qchain::qcow2_base
