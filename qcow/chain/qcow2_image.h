#pragma once

#include <array>
#include <memory>
#include <mutex>

#include "qcow/chain/image.h"

namespace qchain {

/// One qcow2 image. Keeps its header and a window of its L1 table; L2 tables are read when a range is mapped and not
/// kept: the merged index above remembers what they said, so memory does not grow with layers times size.
class Qcow2Image final : public Image {
 public:
  /// `data_file`: the external data file, or null. `header` was parsed from `storage`.
  Qcow2Image(format::Header header, SharedStorage storage, SharedStorage data_file);

  [[nodiscard]] ImageFormat format() const noexcept override { return ImageFormat::qcow2; }
  [[nodiscard]] std::uint64_t size() const noexcept override { return header_.virtual_size; }
  [[nodiscard]] std::uint64_t cluster_size() const noexcept override { return header_.cluster_size(); }
  [[nodiscard]] const Storage& storage() const noexcept override { return *storage_; }
  [[nodiscard]] const Storage& data_storage() const noexcept override { return data_file_ ? *data_file_ : *storage_; }
  [[nodiscard]] const format::Header* header() const noexcept override { return &header_; }

  void map(Range range, std::size_t limit, Extents& out) const override;
  [[nodiscard]] std::uint64_t will_map(Range range, std::uint64_t most) const override;
  [[nodiscard]] std::uint64_t map_unit() const noexcept override { return entries_at_once << header_.cluster_bits; }
  [[nodiscard]] Result<void> inflate(const Extent& extent, MutableBytes cluster) const override;
  [[nodiscard]] Result<std::vector<format::Snapshot>> snapshots() const override;
  [[nodiscard]] Result<std::vector<format::Bitmap>> bitmaps() const override;

 private:
  /// L2 entries read at once: a page of them, 32 MiB of guest at the usual cluster size.
  static constexpr std::uint64_t entries_at_once = 512;

  /// A page of the L1 table: 512 entries cover 256 GiB at the usual cluster size.
  struct L1Window {
    static constexpr std::uint64_t capacity = 512;
    std::uint64_t first = 0;
    std::uint64_t count = 0;
    bool readable = true;
    std::array<std::uint64_t, capacity> entries{};

    [[nodiscard]] bool holds(std::uint64_t index) const noexcept { return index >= first && index - first < count; }
  };

  [[nodiscard]] std::shared_ptr<const L1Window> l1_window(std::uint64_t index) const;
  [[nodiscard]] std::shared_ptr<const L1Window> read_l1_window(std::uint64_t index) const;
  [[nodiscard]] std::uint64_t map_window(const L1Window& window, Range range, std::size_t stop, Extents& out) const;
  [[nodiscard]] Range entries_of(std::uint64_t table_offset, Range range) const noexcept;
  void map_table(std::uint64_t table_offset, Range range, std::size_t stop, Extents& out) const;
  [[nodiscard]] std::uint64_t map_entries(std::uint64_t table_offset, Range range, std::size_t stop,
                                          Extents& out) const;
  [[nodiscard]] std::uint64_t l1_entries_there() const noexcept;
  [[nodiscard]] Extent part_of(const format::L2Entry& entry, format::Allocation allocation, Range part,
                               Range cluster) const noexcept;
  void map_cluster(const format::L2Entry& entry, Range cluster, Range range, Extents& out) const;
  void map_subclusters(const format::L2Entry& entry, Range cluster, Range range, Extents& out) const;

  format::Header header_;
  SharedStorage storage_;
  SharedStorage data_file_;
  mutable std::mutex l1_mutex_;  ///< guards l1_window_ only; a window itself never changes
  mutable std::shared_ptr<const L1Window> l1_window_;
};

}  // namespace qchain
