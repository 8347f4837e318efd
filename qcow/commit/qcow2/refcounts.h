#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <unordered_map>
#include <vector>

#include "qcow/commit/qcow2/growing_file.h"
#include "qcow/commit/qcow2/header_sector.h"
#include "qcow/commit/qcow2/metadata_clusters.h"
#include "qcow/commit/qcow2/sector_table.h"
#include "qcow/format/header.h"

namespace qchain::qcow2_base {

/// The refcounts of the image and the host clusters they say are free. Keeps the refcount table (8 MiB at most) and a
/// bounded number of blocks. Not thread-safe.
///
/// A refcount that is too high is a leak, one that is too low is corruption. So raised refcounts may reach the file at
/// any time, and lower() is called only once nothing in the file refers to the clusters any more; then lowered ones
/// may, too. New blocks, and a new table, take effect with link(), after a sync.
class Refcounts {
 public:
  /// Everything outlives it. `limit`: bytes that the file can have. `budget`: bytes for blocks.
  Refcounts(const format::Header& header, GrowingFile& file, MetadataClusters& metadata, std::uint64_t limit,
            std::uint64_t budget);

  /// Reads the table and tells `metadata` of it and of the blocks. Errors: corrupt, io.
  [[nodiscard]] Result<void> read_table();
  /// After all metadata is known: where new clusters are looked for. A file grows at its end, so that even an image
  /// with wrong refcounts loses nothing; a block device is used from behind its last used cluster on.
  [[nodiscard]] Result<void> find_end();

  /// 0 for a cluster outside of the table. Errors: corrupt, io.
  [[nodiscard]] Result<std::uint64_t> get(std::uint64_t cluster);

  /// Takes free host clusters that lie together, with refcount 1: `count` of them. Errors: no_space, io, corrupt.
  [[nodiscard]] Result<Range> reserve(std::uint64_t count) { return reserve_between(count, count); }
  /// The same, `count` of them or fewer, at least one.
  [[nodiscard]] Result<Range> reserve_up_to(std::uint64_t count) { return reserve_between(1, count); }
  /// Takes back a reserve(): nothing has been made to refer to `range` since.
  [[nodiscard]] Result<void> give_back(Range range);

  /// Lowers the refcount of each cluster that `range` touches by one. What becomes free gives back its space.
  /// Errors: corrupt (refcount is 0 already), io.
  [[nodiscard]] Result<void> lower(Range range);

  /// Writes what has changed, but for what link() does.
  [[nodiscard]] Result<void> write_blocks();
  /// Whether there are new blocks, or a new table, that the file does not know of.
  [[nodiscard]] bool has_links() const noexcept { return table_.changed() || moved_; }
  /// Makes the file know of them; what write_blocks() wrote is durable. Returns the place of the table that was
  /// replaced, or an empty range: to be lower()ed once this is durable.
  [[nodiscard]] Result<Range> link(HeaderSector& header);

 private:
  struct Block {
    std::uint64_t index = 0;   ///< in the table
    std::uint64_t offset = 0;  ///< bytes
    SectorTable refcounts;
    bool fresh = false;  ///< its place in the file holds something else yet
  };
  using Blocks = std::list<Block>;

  /// Free clusters: the first `blocks` of them become refcount blocks, those that the rest need.
  struct Place {
    std::uint64_t first = 0;
    std::uint64_t blocks = 0;
    std::uint64_t count = 0;
    [[nodiscard]] std::uint64_t end() const noexcept { return first + blocks + count; }
  };

  [[nodiscard]] std::uint64_t table_entries() const noexcept { return table_.bytes().size() / sizeof(std::uint64_t); }
  [[nodiscard]] std::uint64_t block_offset(std::uint64_t index) const noexcept;
  [[nodiscard]] Result<Block*> block(std::uint64_t index);
  Block& insert(Block block);
  [[nodiscard]] Result<void> make_room();
  [[nodiscard]] Result<void> write(Block& block);
  [[nodiscard]] Result<void> set(std::uint64_t cluster, std::uint64_t value);

  [[nodiscard]] Result<Range> reserve_between(std::uint64_t least, std::uint64_t most);
  [[nodiscard]] Result<std::optional<Place>> find_place(std::uint64_t least, std::uint64_t most);
  [[nodiscard]] Result<bool> is_free(std::uint64_t cluster);
  [[nodiscard]] Result<std::uint64_t> free_run(std::uint64_t first, std::uint64_t most);
  [[nodiscard]] std::uint64_t missing_blocks(std::uint64_t first, std::uint64_t count) const noexcept;
  [[nodiscard]] Result<Range> take(const Place& place);
  [[nodiscard]] Result<void> create_blocks(const Place& place);
  [[nodiscard]] Result<void> enlarge_table(std::uint64_t entries);
  [[nodiscard]] Result<void> discard_free(const std::vector<std::uint64_t>& clusters);

  GrowingFile& file_;
  MetadataClusters& metadata_;
  std::uint32_t cluster_bits_;
  std::uint32_t order_;
  std::uint64_t per_block_;       ///< refcounts of a block, a power of two
  bool ends_;                     ///< the file can't grow: a block device
  std::uint64_t limit_clusters_;  ///< that the file can have
  std::size_t most_blocks_;

  SectorTable table_;
  Range table_place_;  ///< where it is, or will be with the next link()
  bool moved_ = false;
  Range replaced_table_;  ///< while moved_: where it is in the file

  Blocks blocks_;  ///< most recently used first
  std::unordered_map<std::uint64_t, Blocks::iterator> by_index_;

  std::uint64_t cursor_ = 0;   ///< the next cluster to be looked at
  bool worth_restart_ = true;  ///< there may be free clusters before the cursor
};

}  // namespace qchain::qcow2_base
