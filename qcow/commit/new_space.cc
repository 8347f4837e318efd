#include "qcow/commit/new_space.h"

#include <sys/stat.h>

#include <algorithm>

namespace qchain {

namespace {

constexpr std::uint64_t block = 4096;  ///< of the file system
constexpr std::uint64_t entry_size = 8;

/// A cluster that a snapshot shares is not written in place, whatever the base has.
bool may_be_shared(const Image& base) {
  return base.header() != nullptr && base.header()->snapshot_count > 0;
}

/// Where guest bytes have their place by the guest's offset, each small cluster may take a block of its own.
std::uint64_t unit_of(const Image& base) {
  const std::uint64_t by_offset = base.header() == nullptr || &base.data_storage() != &base.storage() ? block : 1;
  return std::max(by_offset, base.header() != nullptr ? base.header()->cluster_size() : 1);
}

}  // namespace

// A simulated file has no descriptor, and takes nothing either.
std::optional<std::uint64_t> space_taken(const Image& base) {
  std::uint64_t bytes = 0;
  for (const Storage* file : {&base.storage(), &base.data_storage()}) {
    struct stat status{};
    if (file->descriptor() < 0 || ::fstat(file->descriptor(), &status) != 0 || !S_ISREG(status.st_mode)) {
      return std::nullopt;
    }
    bytes += static_cast<std::uint64_t>(status.st_blocks) * 512;
    if (&base.storage() == &base.data_storage()) {
      break;
    }
  }
  return bytes;
}

NewSpace::NewSpace(const Image& base, Overwriting overwriting, std::uint64_t overwritten_to)
    : base_(base),
      overwriting_(may_be_shared(base) ? Overwriting::new_blocks : overwriting),
      overwritten_to_(overwritten_to),
      unit_(unit_of(base)) {}

void NewSpace::add(Range range) {
  if (range.empty()) {
    return;
  }
  touch_tables(range);
  const std::uint64_t start = std::max(align_down(range.start, unit_), counted_to_);
  const std::uint64_t end = align_up(range.end(), unit_);
  bytes_ += range_between(std::max(start, base_.size()), end).length;
  const Range inside = range_between(start, std::min(end, base_.size()));
  if (overwriting_ == Overwriting::new_blocks) {
    bytes_ += range_between(std::max(inside.start, overwritten_to_), inside.end()).length;
  } else {
    count_holes(inside);
  }
  counted_to_ = std::max(counted_to_, end);
}

void NewSpace::add_zeros(Range range) {
  if (range.empty()) {
    return;
  }
  touch_tables(range);
  const bool has_zero_flag = base_.header() == nullptr || base_.header()->version >= 3;  // a raw base has holes
  if (!has_zero_flag) {
    return add(range);
  }
  if (!is_aligned(range.start, unit_)) {
    add({range.start, 1});
  }
  if (!is_aligned(range.end(), unit_)) {
    add({range.end() - 1, 1});
  }
}

void NewSpace::count_holes(Range range) {
  while (!range.empty()) {
    const Extent part = clip(base_at(range.start), range);
    const bool has_place = part.kind == ExtentKind::data || (part.kind == ExtentKind::zero && part.has_offset());
    bytes_ += has_place ? holes_of_file({part.offset, part.length}) : part.length;
    range = range_between(part.end(), range.end());
  }
}

/// A cluster may have its place where the file has a hole: QEMU preallocates so, and discards.
std::uint64_t NewSpace::holes_of_file(Range stored) const {
  const Storage& file = base_.data_storage();
  if (base_.header() == nullptr || file.facts().bytes_on_disk >= file.size()) {
    return 0;
  }
  std::uint64_t holes = 0;
  while (!stored.empty()) {
    const auto run = file.run_at(stored.start, stored.end());
    const Range told = run ? run->range : stored;
    holes += run && run->is_data ? 0 : told.length;
    stored = range_between(told.end(), stored.end());
  }
  return holes;
}

/// Asked for once, however many ranges lie in it: a raw base asks the file system.
const Extent& NewSpace::base_at(std::uint64_t offset) {
  if (found_.empty() || !found_.front().range().contains(offset)) {
    found_.clear();
    base_.map(range_between(offset, base_.size()), 1, found_);
  }
  return found_.front();
}

void NewSpace::touch_tables(Range range) {
  const format::Header* header = base_.header();
  if (header == nullptr) {
    return;
  }
  const std::uint64_t span = header->l1_entry_span();
  const std::uint64_t start = std::max(align_down(range.start, span), tables_to_);
  const std::uint64_t end = align_up(range.end(), span);
  if (end > start) {
    clusters_ += (end - start) / span;
    tables_to_ = end;
  }
}

/// Refcount blocks for all that is new, a larger refcount table, a larger L1 table.
std::uint64_t NewSpace::metadata_bytes(std::uint64_t view_size) const {
  if (base_.header() == nullptr) {
    return 0;
  }
  const format::Header& header = *base_.header();
  const std::uint64_t cluster = header.cluster_size();
  const std::uint64_t l1 =
      view_size > base_.size() ? units_for(units_for(view_size, header.l1_entry_span()) * entry_size, cluster) : 0;
  const std::uint64_t count = clusters_ + bytes_ / cluster + l1 + 1;
  const std::uint64_t per_block = cluster * 8 >> header.refcount_order;
  const std::uint64_t blocks = units_for(count, per_block) + 2;
  const std::uint64_t in_table = std::uint64_t{header.refcount_table_clusters} * cluster / entry_size;
  const std::uint64_t needed = units_for(units_for(base_.storage().size(), cluster) + count + blocks, per_block) + 1;
  const std::uint64_t table = needed > in_table ? units_for(needed * 2 * entry_size, cluster) + 1 : 0;
  return (clusters_ + l1 + blocks + table) * cluster;
}

std::uint64_t NewSpace::bytes(std::uint64_t view_size) const {
  return bytes_ + metadata_bytes(view_size);
}

}  // namespace qchain
