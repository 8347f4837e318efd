#pragma once

#include <memory>
#include <vector>

#include "qcow/commit/qcow2/base_bitmaps.h"
#include "qcow/commit/qcow2/checkpoint.h"
#include "qcow/commit/qcow2/cluster_change.h"
#include "qcow/commit/qcow2/content.h"
#include "qcow/commit/qcow2/qcow2_base_writer.h"

namespace qchain::qcow2_base {

/// Writes into a qcow2 base. Clusters that only this image's active state uses are overwritten in place, all others
/// get a new place; the metadata follows at the next checkpoint.
class Qcow2BaseWriter final : public BaseWriter {
 public:
  explicit Qcow2BaseWriter(Qcow2WriterSetup setup);

  /// Reads the tables and checks all that open_qcow2_writer() promises.
  [[nodiscard]] Result<void> open();

  [[nodiscard]] std::uint64_t size() const noexcept override { return header_.virtual_size; }
  [[nodiscard]] Result<void> grow(std::uint64_t size) override;
  [[nodiscard]] Result<void> write(std::uint64_t guest_offset, Bytes bytes) override;
  [[nodiscard]] Result<CloneAnswer> clone(const Storage& source, std::uint64_t source_offset, Range guest) override;
  [[nodiscard]] std::uint64_t sharing_unit(const Storage& source) const noexcept override;
  [[nodiscard]] Result<void> zero(Range guest) override;
  [[nodiscard]] Result<void> merge_bitmaps() override;
  [[nodiscard]] Result<void> flush() override;

 private:
  using Changes = std::vector<ClusterChange>;

  // open.cc
  [[nodiscard]] Result<void> learn_snapshots();
  [[nodiscard]] Result<void> before_first_write();

  // writer.cc
  [[nodiscard]] Result<void> check_range(Range guest) const;
  [[nodiscard]] Result<CloneAnswer> put(Range guest, const Content& content);
  [[nodiscard]] Result<CloneAnswer> put_part(Range part, const Content& content, std::uint64_t position);
  [[nodiscard]] Result<Changes> plan(Range part);
  [[nodiscard]] Result<void> find_places(Changes& changes);
  [[nodiscard]] Result<ClusterState> look_up(std::uint64_t guest_offset);
  [[nodiscard]] Result<void> check_host(Range host);
  [[nodiscard]] Result<bool> is_exclusive(const ClusterState& state);
  [[nodiscard]] Result<CloneAnswer> transfer(const Changes& changes, const Content& content, std::uint64_t position);
  [[nodiscard]] Result<void> give_back(const Changes& changes);
  [[nodiscard]] Result<void> enter(const Changes& changes);
  [[nodiscard]] Result<void> replace(std::uint64_t guest_offset, const ClusterState& before, const ClusterState& after);
  [[nodiscard]] Result<void> checkpoint_if_due();

  // fill.cc
  [[nodiscard]] Result<void> fill(const ClusterChange& change);
  [[nodiscard]] Result<void> fill_part(const ClusterChange& change, const Fill& part);
  [[nodiscard]] Result<Bytes> read_source(const ClusterChange& change, const Fill& part);
  [[nodiscard]] Result<void> read_below(Range guest, MutableBytes into) const;
  [[nodiscard]] bool nothing_below(std::uint64_t guest_offset) const noexcept;

  // zero.cc
  [[nodiscard]] Result<void> zero_all(Range guest);
  [[nodiscard]] Result<void> zero_under_table(Range part);
  [[nodiscard]] Result<void> zero_cluster(Range part);
  [[nodiscard]] Result<void> zero_edge(Range part, const ClusterState& state);
  [[nodiscard]] Result<void> zero_units(std::uint64_t guest_offset, const ClusterState& state, std::uint32_t units);
  [[nodiscard]] Result<void> discard_units(const ClusterState& state, std::uint32_t units);
  [[nodiscard]] Result<void> zero_cluster_v2(Range part, const ClusterState& state);
  [[nodiscard]] Range cluster_at(std::uint64_t guest_offset) const noexcept;

  // grow.cc
  [[nodiscard]] Result<void> check_growth(std::uint64_t size) const;
  [[nodiscard]] Result<void> prepare_bitmaps(std::uint64_t size);
  [[nodiscard]] Result<void> grow_l1(std::uint64_t size);

  // store_bitmaps.cc
  [[nodiscard]] Result<void> store_bitmaps();
  [[nodiscard]] Result<void> switch_to(const format::BitmapsExtension& bitmaps);

  Qcow2WriterSetup setup_;
  format::Header header_;
  GrowingFile file_;
  std::unique_ptr<GrowingFile> data_file_;  ///< null: guest bytes are in file_
  GrowingFile& data_;                       ///< where guest bytes are
  HeaderSector header_sector_;
  MetadataClusters metadata_;
  FreeList frees_;
  Refcounts refcounts_;
  Mapping mapping_;
  Checkpoint checkpoint_;
  BaseBitmaps bitmaps_;

  std::vector<std::byte> cluster_;      ///< for fills
  std::uint64_t since_checkpoint_ = 0;  ///< guest bytes
  bool may_write_ = false;              ///< before_first_write() is done, and no bitmap was stored since
};

}  // namespace qchain::qcow2_base
