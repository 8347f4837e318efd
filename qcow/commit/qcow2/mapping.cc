#include "qcow/commit/qcow2/mapping.h"

#include <fmt/format.h>

#include <algorithm>

namespace qchain::qcow2_base {
namespace {

constexpr std::uint64_t entry_size = sizeof(std::uint64_t);  ///< of the L1 table
constexpr std::size_t least_tables = 8;

}  // namespace

Mapping::Mapping(const format::Header& header, GrowingFile& file, Refcounts& refcounts, MetadataClusters& metadata,
                 FreeList& frees, std::uint64_t budget)
    : header_(header),
      file_(file),
      refcounts_(refcounts),
      metadata_(metadata),
      frees_(frees),
      most_tables_(std::max<std::uint64_t>(least_tables, budget >> header.cluster_bits)),
      most_changed_(most_tables_ / 2),
      l1_place_{header.l1_offset, header.l1_entries * entry_size},
      l1_({}) {}

Result<void> Mapping::read_l1() {
  std::vector<std::byte> bytes(l1_place_.length);
  QC_TRY(file_.read(l1_place_.start, bytes));
  l1_ = SectorTable(std::move(bytes));
  metadata_.know(l1_place_);
  for (std::uint64_t index = 0; index < l1_entries(); ++index) {
    const format::L1Entry entry = format::decode_l1(header_, l1_.load(index * entry_size));
    if (entry.fault != format::Fault::none) {
      return fail(ErrorKind::corrupt, fmt::format("L1 entry {}: {}", index, format::describe(entry.fault)));
    }
    if (entry.table_offset != 0) {
      metadata_.know({entry.table_offset, header_.cluster_size()});
    }
  }
  return {};
}

bool Mapping::has_table(std::uint64_t l1_index) const noexcept {
  return format::decode_l1(header_, l1_.load(l1_index * entry_size)).table_offset != 0;
}

std::uint64_t Mapping::entry_place(std::uint64_t guest_offset) const noexcept {
  return ((guest_offset >> header_.cluster_bits) & (header_.l2_entries() - 1)) * header_.l2_entry_size();
}

Result<ClusterState> Mapping::look_up(std::uint64_t guest_offset) {
  const L2Table* const found = QC_TRY(table(guest_offset / header_.l1_entry_span()));
  if (found == nullptr) {
    return ClusterState{};
  }
  const std::uint64_t place = entry_place(guest_offset);
  const bool extended = header_.has(format::Incompatible::extended_l2);
  const RawL2Entry raw{found->entries.load(place), extended ? found->entries.load(place + 8) : 0};
  return decode_cluster(header_, raw, guest_offset);
}

Result<void> Mapping::update(std::uint64_t guest_offset, const ClusterState& state) {
  L2Table* const found = QC_TRY(writable_table(guest_offset / header_.l1_entry_span()));
  const RawL2Entry raw = encode_cluster(header_, state);
  const std::uint64_t place = entry_place(guest_offset);
  found->entries.store(place, raw.entry);
  if (header_.has(format::Incompatible::extended_l2)) {
    found->entries.store(place + 8, raw.bitmap);
  }
  mark_changed(*found);
  return {};
}

void Mapping::mark_changed(L2Table& table) noexcept {
  if (!table.changed) {
    table.changed = true;
    ++changed_tables_;
  }
}

/// Null where there is none.
Result<Mapping::L2Table*> Mapping::table(std::uint64_t l1_index) {
  if (const auto found = by_index_.find(l1_index); found != by_index_.end()) {
    tables_.splice(tables_.begin(), tables_, found->second);
    return &tables_.front();
  }
  const std::uint64_t offset = format::decode_l1(header_, l1_.load(l1_index * entry_size)).table_offset;
  if (offset == 0) {
    return nullptr;
  }
  std::vector<std::byte> bytes(header_.cluster_size());
  QC_TRY(file_.read(offset, bytes));
  return insert({l1_index, offset, SectorTable(std::move(bytes))});
}

Mapping::L2Table* Mapping::insert(L2Table table) {
  make_room();
  tables_.push_front(std::move(table));
  by_index_[tables_.front().l1_index] = tables_.begin();
  return &tables_.front();
}

/// Changed tables stay: their entries may refer to what is not durable. is_full() keeps them to half of all.
void Mapping::make_room() {
  for (auto table = tables_.end(); tables_.size() >= most_tables_ && table != tables_.begin();) {
    --table;
    if (!table->changed) {
      by_index_.erase(table->l1_index);
      table = tables_.erase(table);
    }
  }
}

Result<Mapping::L2Table*> Mapping::writable_table(std::uint64_t l1_index) {
  L2Table* const found = QC_TRY(table(l1_index));
  if (found == nullptr) {
    return add_table(l1_index);
  }
  // A table made or moved since the last checkpoint is ours alone.
  if (!found->fresh && !QC_TRY(is_exclusive(l1_index))) {
    QC_TRY(move_table(*found));
  }
  return found;
}

Result<bool> Mapping::is_exclusive(std::uint64_t l1_index) {
  const std::uint64_t entry = l1_.load(l1_index * entry_size);
  const std::uint64_t offset = format::decode_l1(header_, entry).table_offset;
  const std::uint64_t refcount = QC_TRY(refcounts_.get(offset >> header_.cluster_bits));
  if (refcount == 0) {
    return fail(ErrorKind::corrupt, fmt::format("L2 table at {:#x} is in use, but its refcount is 0", offset));
  }
  return refcount == 1 && (entry & copied_flag) != 0;
}

Result<Mapping::L2Table*> Mapping::add_table(std::uint64_t l1_index) {
  const std::uint64_t offset = QC_TRY(new_place(l1_index));
  return insert({l1_index, offset, SectorTable(std::vector<std::byte>(header_.cluster_size())), true});
}

Result<void> Mapping::move_table(L2Table& table) {
  const std::uint64_t offset = QC_TRY(new_place(table.l1_index));
  frees_.drop_cluster({table.offset, header_.cluster_size()});
  table.offset = offset;
  table.fresh = true;
  return {};
}

/// A free cluster, entered into the L1 table.
Result<std::uint64_t> Mapping::new_place(std::uint64_t l1_index) {
  const Range place = QC_TRY(refcounts_.reserve(1));
  metadata_.add(place);
  l1_.store(l1_index * entry_size, place.start | copied_flag);
  return place.start;
}

Result<void> Mapping::write_new_tables() {
  for (L2Table& table : tables_) {
    if (table.fresh) {
      QC_TRY(table.entries.write_all(file_, table.offset));
    }
  }
  return {};
}

Result<void> Mapping::write_entries() {
  for (L2Table& table : tables_) {
    QC_TRY(table.entries.write_changed(file_, table.offset));
    table.fresh = false;
    table.changed = false;
  }
  changed_tables_ = 0;
  return l1_.write_changed(file_, l1_place_.start);
}

Result<Range> Mapping::move_l1(Range place, std::uint32_t entries) {
  std::vector<std::byte> bytes(l1_.bytes().begin(), l1_.bytes().end());
  bytes.resize(place.length);
  QC_TRY(file_.write(place.start, bytes));
  bytes.resize(entries * entry_size);
  l1_ = SectorTable(std::move(bytes));
  metadata_.add(place);
  const Range old = l1_place_;
  l1_place_ = {place.start, entries * entry_size};
  return old;
}

}  // namespace qchain::qcow2_base
