#pragma once

#include <cstdint>
#include <vector>

#include "qcow/check/cluster_census.h"
#include "qcow/check/refcount_reader.h"
#include "qcow/format/l2.h"

/// Inside of the check room: an L1 table and all that hangs on it.
namespace qchain {

enum class TreeOf : std::uint8_t {
  active_state,  ///< what guests see: its clusters make the statistics, and the COPIED flags must fit
  snapshot,
};

struct L1Place {
  std::uint64_t offset = 0;
  std::uint64_t entries = 0;
};

/// Walks L1 and L2 tables as QEMU's check_refcounts_l1(), check_refcounts_l2() and check_oflag_copied() do.
class TreeCheck {
 public:
  /// All outlive the walk.
  TreeCheck(const Image& image, ClusterCensus& census, RefcountReader& refcounts, const CheckOptions& options)
      : image_(image),
        header_(*image.header()),
        census_(census),
        refcounts_(refcounts),
        options_(options),
        table_(header_.cluster_size()) {}

  /// Errors: interrupted.
  [[nodiscard]] Result<void> walk(L1Place place, TreeOf whose);

 private:
  /// One entry of an L2 table, and the guest cluster it is about.
  struct Entry {
    std::uint64_t raw = 0;
    std::uint64_t bitmap = 0;
    std::uint64_t guest = 0;

    [[nodiscard]] std::uint64_t offset() const noexcept;
  };
  enum class Type : std::uint8_t { unallocated, zero, data, compressed };

  [[nodiscard]] std::uint64_t entries_there(std::uint64_t offset) const noexcept;
  void find_missing_entries(L1Place place);
  [[nodiscard]] std::uint64_t guest_offset_of(std::uint64_t l1_entry) const noexcept;
  void walk_entry(std::uint64_t raw, std::uint64_t guest);
  void walk_table(std::uint64_t offset, std::uint64_t guest);
  [[nodiscard]] Type type_of(const Entry& entry) const noexcept;
  void look_at(const Entry& entry);
  void look_at_packed(const Entry& entry);
  void look_at_host_cluster(const Entry& entry);
  void look_at_readers_view(const Entry& entry);
  void check_copied(std::uint64_t raw, std::uint64_t offset, const char* what);
  void check_copied(const Entry& entry);
  void corrupt(const char* what, std::uint64_t offset);
  void cannot_be_read(Range guest) noexcept;
  [[nodiscard]] ImageCheck& result() noexcept { return census_.pass().by_walk; }

  const Image& image_;
  const format::Header& header_;
  ClusterCensus& census_;
  RefcountReader& refcounts_;
  const CheckOptions& options_;
  TreeOf whose_ = TreeOf::active_state;
  bool checks_copied_ = false;
  std::vector<std::byte> table_;
  std::uint64_t next_host_ = 0;  ///< where the next cluster of a file without fragments would lie
};

}  // namespace qchain
