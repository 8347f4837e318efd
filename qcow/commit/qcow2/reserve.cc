// Refcounts: how free clusters are found and taken.
#include <fmt/format.h>

#include <algorithm>

#include "qcow/commit/qcow2/refcounts.h"
#include "qcow/format/limits.h"

namespace qchain::qcow2_base {
namespace {

constexpr std::uint64_t entry_size = sizeof(std::uint64_t);
constexpr std::uint64_t spare_entries = 16;

}  // namespace

Result<bool> Refcounts::is_free(std::uint64_t cluster) {
  // A broken refcount must not make us hand out metadata that is in use.
  return QC_TRY(get(cluster)) == 0 && !metadata_.contains(cluster);
}

/// How many clusters from `first` on are free, up to `most`.
Result<std::uint64_t> Refcounts::free_run(std::uint64_t first, std::uint64_t most) {
  std::uint64_t count = 0;
  while (count < most && QC_TRY(is_free(first + count))) {
    ++count;
  }
  return count;
}

/// Blocks to be made for `count` clusters from `first` on, if those blocks are put before them.
std::uint64_t Refcounts::missing_blocks(std::uint64_t first, std::uint64_t count) const noexcept {
  std::uint64_t blocks = 0;
  for (;;) {
    std::uint64_t missing = 0;
    for (std::uint64_t index = first / per_block_; index <= (first + blocks + count - 1) / per_block_; ++index) {
      missing += block_offset(index) == 0 ? 1 : 0;
    }
    if (missing == blocks) {
      return blocks;
    }
    blocks = missing;
  }
}

Result<std::optional<Refcounts::Place>> Refcounts::find_place(std::uint64_t least, std::uint64_t most) {
  for (std::uint64_t first = cursor_; first < limit_clusters_;) {
    const std::uint64_t wanted = most + missing_blocks(first, most);
    const std::uint64_t there = QC_TRY(free_run(first, std::min(wanted, limit_clusters_ - first)));
    std::uint64_t count = std::min(most, there);
    while (count > 0 && count + missing_blocks(first, count) > there) {
      --count;
    }
    if (count >= least && count > 0) {
      return Place{first, missing_blocks(first, count), count};
    }
    first += there + 1;
  }
  return std::nullopt;
}

Result<Range> Refcounts::reserve_between(std::uint64_t least, std::uint64_t most) {
  std::optional<Place> place = QC_TRY(find_place(least, most));
  if (!place && worth_restart_) {
    worth_restart_ = false;
    cursor_ = 0;
    place = QC_TRY(find_place(least, most));
  }
  if (!place) {
    return std::unexpected(make_error(ErrorKind::no_space, "no free clusters are left").in(file_.name()));
  }
  const std::uint64_t last_block = (place->end() - 1) / per_block_;
  if (last_block >= table_entries()) {
    QC_TRY(enlarge_table(last_block + 1));
    return reserve_between(least, most);  // the new table has taken clusters, too
  }
  return take(*place);
}

Result<Range> Refcounts::take(const Place& place) {
  QC_TRY(create_blocks(place));
  for (std::uint64_t cluster = place.first; cluster < place.end(); ++cluster) {
    QC_TRY(set(cluster, 1));
  }
  cursor_ = place.end();
  return Range{(place.first + place.blocks) << cluster_bits_, place.count << cluster_bits_};
}

Result<void> Refcounts::create_blocks(const Place& place) {
  std::uint64_t next = place.first;
  for (std::uint64_t index = place.first / per_block_; next < place.first + place.blocks; ++index) {
    if (block_offset(index) != 0) {
      continue;
    }
    const std::uint64_t offset = next++ << cluster_bits_;
    QC_TRY(make_room());
    const std::uint64_t size = std::uint64_t{1} << cluster_bits_;
    insert({index, offset, SectorTable(std::vector<std::byte>(size)), true});
    table_.store(index * entry_size, offset);
    metadata_.add({offset, size});
  }
  return {};
}

/// A larger table somewhere else, for `entries` at least.
Result<void> Refcounts::enlarge_table(std::uint64_t entries) {
  constexpr std::uint64_t most = format::max_refcount_table_bytes;
  const std::uint64_t wanted = std::max(entries + spare_entries, table_entries() * 2) * entry_size;
  const std::uint64_t size = std::min(align_up(wanted, std::uint64_t{1} << cluster_bits_), most);
  if (size < entries * entry_size) {
    return std::unexpected(
        make_error(ErrorKind::no_space, "the refcount table cannot grow any further").in(file_.name()));
  }
  std::vector<std::byte> bytes(table_.bytes().begin(), table_.bytes().end());
  bytes.resize(size);
  table_ = SectorTable(std::move(bytes));
  const Range place = QC_TRY(reserve(size >> cluster_bits_));
  if (table_.bytes().size() != size) {
    return give_back(place);  // taking its clusters has made it grow again
  }
  metadata_.add(place);
  if (moved_) {
    QC_TRY(lower(table_place_));  // the file has never known of it
  } else {
    replaced_table_ = table_place_;
  }
  table_place_ = place;
  moved_ = true;
  return {};
}

Result<void> Refcounts::give_back(Range range) {
  const auto [first, last] = clusters_of(range, cluster_bits_);
  for (std::uint64_t cluster = first; cluster <= last; ++cluster) {
    QC_TRY(set(cluster, 0));
  }
  cursor_ = std::min(cursor_, first);
  return {};
}

}  // namespace qchain::qcow2_base
