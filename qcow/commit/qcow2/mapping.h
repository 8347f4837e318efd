#pragma once

#include <cstdint>
#include <list>
#include <unordered_map>

#include "qcow/commit/qcow2/cluster_state.h"
#include "qcow/commit/qcow2/free_list.h"
#include "qcow/commit/qcow2/growing_file.h"
#include "qcow/commit/qcow2/header_sector.h"
#include "qcow/commit/qcow2/metadata_clusters.h"
#include "qcow/commit/qcow2/refcounts.h"
#include "qcow/commit/qcow2/sector_table.h"
#include "qcow/format/header.h"

namespace qchain::qcow2_base {

/// The active L1 table and its L2 tables: where each guest cluster is. Changes stay in memory until write_entries().
/// A table that a snapshot shares is copied before it is changed. Keeps the L1 table (32 MiB at most), all changed L2
/// tables and a bounded number of others. Not thread-safe.
class Mapping {
 public:
  /// Everything outlives it. `budget`: bytes for L2 tables.
  Mapping(const format::Header& header, GrowingFile& file, Refcounts& refcounts, MetadataClusters& metadata,
          FreeList& frees, std::uint64_t budget);

  /// Reads the L1 table and tells `metadata` of it and of the L2 tables. Errors: corrupt, io.
  [[nodiscard]] Result<void> read_l1();

  [[nodiscard]] std::uint64_t l1_entries() const noexcept { return l1_place_.length / sizeof(std::uint64_t); }
  /// True where nothing under an L1 entry is allocated, because there is no L2 table.
  [[nodiscard]] bool has_table(std::uint64_t l1_index) const noexcept;

  /// `guest_offset`: of a cluster under the L1 table. Errors: corrupt, io.
  [[nodiscard]] Result<ClusterState> look_up(std::uint64_t guest_offset);
  [[nodiscard]] Result<void> update(std::uint64_t guest_offset, const ClusterState& state);

  [[nodiscard]] bool changed() const noexcept { return changed_tables_ != 0 || l1_.changed(); }
  /// So many L2 tables have changed that they should be written.
  [[nodiscard]] bool is_full() const noexcept { return changed_tables_ >= most_changed_; }

  /// Writes the new L2 tables, which nothing in the file refers to yet.
  [[nodiscard]] Result<void> write_new_tables();
  /// Writes all other changes. All that they refer to is durable.
  [[nodiscard]] Result<void> write_entries();

  /// Copies the L1 table to `place`, where it has room for `entries`; the header has to be told. Nothing has changed
  /// since write_entries(). Returns the old table's place.
  [[nodiscard]] Result<Range> move_l1(Range place, std::uint32_t entries);

 private:
  struct L2Table {
    std::uint64_t l1_index = 0;
    std::uint64_t offset = 0;  ///< bytes
    SectorTable entries;
    bool fresh = false;    ///< nothing in the file refers to it, and its place holds something else yet
    bool changed = false;  ///< counted in changed_tables_
  };
  using Tables = std::list<L2Table>;

  [[nodiscard]] std::uint64_t entry_place(std::uint64_t guest_offset) const noexcept;
  [[nodiscard]] Result<L2Table*> table(std::uint64_t l1_index);
  [[nodiscard]] Result<L2Table*> writable_table(std::uint64_t l1_index);
  [[nodiscard]] Result<bool> is_exclusive(std::uint64_t l1_index);
  [[nodiscard]] Result<L2Table*> add_table(std::uint64_t l1_index);
  [[nodiscard]] Result<void> move_table(L2Table& table);
  [[nodiscard]] Result<std::uint64_t> new_place(std::uint64_t l1_index);
  [[nodiscard]] L2Table* insert(L2Table table);
  void make_room();
  void mark_changed(L2Table& table) noexcept;

  const format::Header& header_;
  GrowingFile& file_;
  Refcounts& refcounts_;
  MetadataClusters& metadata_;
  FreeList& frees_;
  std::size_t most_tables_;
  std::size_t most_changed_;

  Range l1_place_;  ///< bytes in the file
  SectorTable l1_;
  Tables tables_;  ///< most recently used first
  std::unordered_map<std::uint64_t, Tables::iterator> by_index_;
  std::size_t changed_tables_ = 0;
};

}  // namespace qchain::qcow2_base
