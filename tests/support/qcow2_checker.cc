#include "tests/support/qcow2_checker.h"

#include <fmt/format.h>

#include <map>

#include "qcow/core/range.h"
#include "qcow/format/bitmaps.h"
#include "qcow/format/header.h"
#include "qcow/format/l2.h"
#include "qcow/format/tables.h"

namespace qchain::test {
namespace {

constexpr std::uint64_t copied = std::uint64_t{1} << 63;

class Checker {
 public:
  explicit Checker(const ByteVector& image) : image_(image) {}

  CheckResult run() {
    const auto header = format::parse_header(Bytes(image_).first(std::min<std::size_t>(image_.size(), 2U << 20)));
    if (!header) {
      bad(describe(header.error()));
      return result_;
    }
    header_ = *header;
    unit_ = header_.cluster_size();
    count({0, unit_});
    count_refcount_structures();
    count_tree(header_.l1_offset, header_.l1_entries, true);
    count_snapshots();
    count_bitmaps();
    compare();
    return result_;
  }

 private:
  void bad(const std::string& what) { result_.corruptions.push_back(what); }

  [[nodiscard]] std::uint64_t be64(std::uint64_t offset) const {
    return fits(offset, 8, image_.size()) ? load_be<std::uint64_t>(image_, offset) : 0;
  }

  void count(Range range) {
    if (range.empty()) return;
    for (std::uint64_t cluster = range.start / unit_; cluster <= (range.end() - 1) / unit_; ++cluster) {
      ++counts_[cluster];
      // As QEMU has it: the last cluster of the file may be a part of one.
      if (cluster * unit_ >= align_up(image_.size(), unit_)) bad(fmt::format("cluster {} past the end", cluster));
    }
  }

  void count_refcount_structures() {
    const std::uint64_t length = std::uint64_t{header_.refcount_table_clusters} * unit_;
    count({header_.refcount_table_offset, length});
    for (std::uint64_t i = 0; i < length / 8; ++i) {
      const std::uint64_t block = be64(header_.refcount_table_offset + i * 8);
      if (block == 0) continue;
      if (!is_aligned(block, unit_)) {
        bad("refcount block is not aligned");
        continue;
      }
      count({block, unit_});
      blocks_[i] = block;
    }
  }

  [[nodiscard]] std::uint64_t refcount(std::uint64_t cluster) const {
    const std::uint64_t per_block = unit_ * 8 >> header_.refcount_order;
    const auto block = blocks_.find(cluster / per_block);
    if (block == blocks_.end()) return 0;
    const std::uint64_t width = std::uint64_t{1} << header_.refcount_order;
    const std::uint64_t first_bit = cluster % per_block * width;
    std::uint64_t value = 0;
    if (width < 8) {
      value = byte(block->second + first_bit / 8) >> (first_bit % 8) & ((1U << width) - 1);
    }
    for (std::uint64_t i = 0; i < width / 8; ++i) value = value << 8 | byte(block->second + first_bit / 8 + i);
    return value;
  }
  [[nodiscard]] std::uint64_t byte(std::uint64_t offset) const {
    return offset < image_.size() ? std::to_integer<std::uint64_t>(image_[offset]) : 0;
  }

  void check_copied(std::uint64_t entry, std::uint64_t offset, const char* what) {
    if ((refcount(offset / unit_) == 1) != ((entry & copied) != 0)) bad(fmt::format("{}: COPIED is wrong", what));
  }

  void count_tree(std::uint64_t l1_offset, std::uint64_t entries, bool active) {
    count({l1_offset, entries * 8});
    for (std::uint64_t i = 0; i < entries; ++i) {
      const std::uint64_t raw = be64(l1_offset + i * 8);
      const auto entry = format::decode_l1(header_, raw);
      if (entry.fault != format::Fault::none) bad(format::describe(entry.fault));
      if (entry.table_offset == 0 || entry.fault != format::Fault::none) continue;
      count({entry.table_offset, unit_});
      if (active) check_copied(raw, entry.table_offset, "L1 entry");
      count_table(entry.table_offset, i * header_.l1_entry_span(), active);
    }
  }

  void count_table(std::uint64_t table, std::uint64_t guest, bool active) {
    for (std::uint64_t i = 0; i < header_.l2_entries(); ++i) {
      const std::uint64_t place = table + i * header_.l2_entry_size();
      const std::uint64_t raw = be64(place);
      const auto entry =
          format::decode_l2(header_, raw, header_.l2_entry_size() == 16 ? be64(place + 8) : 0, guest + i * unit_);
      if (entry.allocation == format::Allocation::invalid) bad(format::describe(entry.fault));
      if (entry.allocation == format::Allocation::compressed) count({entry.compressed.offset, entry.compressed.size});
      if (!entry.has_host_offset) continue;
      if (header_.has(format::Incompatible::data_file)) {
        if ((raw & copied) == 0) bad("data file: COPIED is missing");
        continue;
      }
      count({entry.host_offset, unit_});
      if (active) check_copied(raw, entry.host_offset, "L2 entry");
    }
  }

  void count_snapshots() {
    if (header_.snapshot_count == 0) return;
    const Bytes table = Bytes(image_).subspan(header_.snapshots_offset);
    std::uint64_t length = 0;
    for (std::uint32_t i = 0; i < header_.snapshot_count; ++i) {
      const Bytes entry = table.subspan(length);
      length += 40 + load_be<std::uint32_t>(entry, 36) + load_be<std::uint16_t>(entry, 12) +
                load_be<std::uint16_t>(entry, 14);
      length = align_up(length, 8);
    }
    count({header_.snapshots_offset, length});
    const auto snapshots = format::parse_snapshots(header_, table);
    if (!snapshots) return bad(describe(snapshots.error()));
    for (const auto& snapshot : *snapshots) count_tree(snapshot.l1_offset, snapshot.l1_entries, false);
  }

  void count_bitmaps() {
    if (!header_.bitmaps) return;
    const Range place{header_.bitmaps->directory_offset, header_.bitmaps->directory_size};
    count(place);
    if (!fits(place.start, place.length, image_.size())) return bad("bitmap directory past the end");
    const auto bitmaps = format::parse_bitmaps(header_, Bytes(image_).subspan(place.start, place.length));
    if (!bitmaps) return bad(describe(bitmaps.error()));
    for (const format::Bitmap& bitmap : *bitmaps) {
      count({bitmap.table_offset, bitmap.table_entries * std::uint64_t{8}});
      for (std::uint32_t i = 0; i < bitmap.table_entries; ++i) {
        const auto entry = format::decode_bitmap_entry(header_, be64(bitmap.table_offset + i * std::uint64_t{8}));
        if (!entry) return bad(describe(entry.error()));
        if (entry->bits == format::BitmapBits::stored) count({entry->offset, unit_});
      }
    }
  }

  void compare() {
    for (const auto& [cluster, references] : counts_) {
      if (refcount(cluster) < references) {
        bad(fmt::format("cluster {}: refcount {}, {} references", cluster, refcount(cluster), references));
      }
    }
    for (std::uint64_t cluster = 0; cluster * unit_ < image_.size(); ++cluster) {
      const auto found = counts_.find(cluster);
      if (refcount(cluster) > (found == counts_.end() ? 0 : found->second)) ++result_.leaks;
    }
  }

  const ByteVector& image_;
  CheckResult result_;
  format::Header header_;
  std::uint64_t unit_ = 0;
  std::map<std::uint64_t, std::uint64_t> blocks_;  ///< offset by index
  std::map<std::uint64_t, std::uint64_t> counts_;  ///< references by cluster
};

}  // namespace

CheckResult check_qcow2(const ByteVector& image) {
  return Checker(image).run();
}

}  // namespace qchain::test
