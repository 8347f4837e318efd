#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "qcow/copy/image_writer.h"
#include "qcow/format/new_header.h"

namespace qchain {

/// Space for the refcounts of an image whose clusters are all used once.
struct RefcountSpace {
  std::uint64_t blocks = 0;          ///< refcount blocks, a cluster each
  std::uint64_t table_clusters = 0;  ///< clusters of the refcount table
};

/// How many clusters 16-bit refcounts need for `used` other clusters and for themselves.
[[nodiscard]] RefcountSpace refcount_space(std::uint64_t used, std::uint32_t cluster_bits) noexcept;

/// What a new qcow2 image is like.
struct Qcow2Shape {
  std::optional<std::uint32_t> cluster_bits;        ///< 9 to 21; else 64 KiB clusters, larger where the disk needs it
  std::optional<format::BackingReference> backing;  ///< what is never placed reads as this file's bytes, not as zeros
};

/// A new qcow2 image: version 3, 16-bit refcounts.
/// Layout: header, L1 table, then L2 tables and data as they come, refcount blocks and table at the end. Memory: the
/// L1 table (32 MiB at most) and one L2 table. The header is written last: an unfinished file is no image.
class Qcow2Writer final : public ImageWriter {
 public:
  /// `file` is empty and outlives the writer. Errors: limit, where an image of that shape can't hold a disk of that
  /// size, or has no room for its backing file's name; nothing is written then.
  [[nodiscard]] static Result<std::unique_ptr<ImageWriter>> create(const WritableFile& file, std::uint64_t guest_size,
                                                                   const Qcow2Shape& shape = {});

  [[nodiscard]] const WritableFile& file() const noexcept override { return file_; }
  [[nodiscard]] Result<Placement> place(Range guest) override;
  [[nodiscard]] Result<void> zero(Range) override { return {}; }
  [[nodiscard]] bool takes_clones() const noexcept override { return true; }
  [[nodiscard]] Result<void> finish() override;

 private:
  Qcow2Writer(const WritableFile& file, format::NewHeader header);

  [[nodiscard]] std::uint64_t cluster_size() const noexcept { return std::uint64_t{1} << header_.cluster_bits; }
  [[nodiscard]] std::uint64_t allocate(std::uint64_t clusters) noexcept;
  [[nodiscard]] Result<void> enter_table(std::uint64_t l1_index);
  [[nodiscard]] Result<void> flush_table();
  [[nodiscard]] Result<void> write_l1();
  [[nodiscard]] Result<void> write_refcounts();
  [[nodiscard]] Result<void> write_header();

  const WritableFile& file_;
  format::NewHeader header_;                ///< the refcount table's place is known when it has been written
  std::uint64_t next_cluster_ = 1;          ///< the first host cluster that is free; 0 is the header's
  std::vector<std::uint64_t> l1_;           ///< entries as on disk, in host order
  std::vector<std::uint64_t> l2_;           ///< the table under l1_[table_index_]
  std::uint64_t table_index_ = UINT64_MAX;  ///< none yet
};

}  // namespace qchain
