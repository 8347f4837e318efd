#include "qcow/check/image_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "qcow/check/bitmap_references.h"
#include "qcow/check/compare_counts.h"
#include "qcow/check/tree_check.h"

namespace qchain {
namespace {

/// One pass over all metadata of an image. The order is QEMU's (calculate_refcounts), which decides where an overflow
/// shows.
class PassOverImage {
 public:
  PassOverImage(const Image& image, CheckPass& pass, RefcountReader& refcounts, const CheckOptions& options)
      : image_(image),
        header_(*image.header()),
        options_(options),
        refcounts_(refcounts),
        census_(image.storage(), header_.cluster_bits, pass),
        tree_(image, census_, refcounts_, options) {}

  Result<void> run() {
    census_.count({0, header_.cluster_size()}, ClusterUse::structure, "header");
    QC_TRY(tree_.walk({header_.l1_offset, header_.l1_entries}, TreeOf::active_state));
    QC_TRY(count_snapshots());
    QC_TRY(count_bitmaps(image_, census_, options_.stop));
    count_refcounts();
    return compare_counts(census_, refcounts_, options_.stop);
  }

 private:
  void corrupt(std::string what, std::uint64_t offset) {
    ++census_.pass().by_walk.corruptions;
    census_.pass().by_walk.findings.add(Severity::damage, std::move(what), offset);
  }

  Result<void> count_snapshots() {
    if (header_.snapshot_count == 0) {
      return {};
    }
    if (header_.has(format::Incompatible::data_file)) {
      corrupt("internal snapshots in an image with an external data file", header_.snapshots_offset);
    }
    const auto snapshots = image_.snapshots();
    if (!snapshots) {
      corrupt(snapshots.error().what, header_.snapshots_offset);
      return {};
    }
    for (const format::Snapshot& snapshot : *snapshots) {
      QC_TRY(count_snapshot(snapshot));
    }
    census_.count({header_.snapshots_offset, snapshots->back().entry_end}, ClusterUse::structure, "snapshot table");
    return {};
  }

  Result<void> count_snapshot(const format::Snapshot& snapshot) {
    const std::string name = fmt::format("snapshot '{}'", printable(snapshot.name));
    if (header_.version >= 3 && snapshot.extra_size < format::snapshot_extra_of_version_3) {
      corrupt(name + ": its entry is incomplete", header_.snapshots_offset);
    }
    if (!is_aligned(snapshot.l1_offset, header_.cluster_size())) {
      corrupt(name + ": L1 table does not begin on a cluster border", snapshot.l1_offset);
    } else if (snapshot.l1_entries > format::max_l1_bytes / sizeof(std::uint64_t)) {
      corrupt(name + ": L1 table is too large", snapshot.l1_offset);
    } else if (snapshot.l1_entries != 0 &&
               !fits(snapshot.l1_offset, snapshot.l1_entries * sizeof(std::uint64_t), format::max_virtual_size)) {
      corrupt(name + ": L1 table lies past the largest file offset", snapshot.l1_offset);
    } else {
      return tree_.walk({snapshot.l1_offset, snapshot.l1_entries}, TreeOf::snapshot);
    }
    return {};
  }

  void count_refcounts() {
    const std::uint64_t length = std::uint64_t{header_.refcount_table_clusters} << header_.cluster_bits;
    census_.count({header_.refcount_table_offset, length}, ClusterUse::structure, "refcount table");
    for (const std::uint64_t entry : refcounts_.table()) {
      if (entry != 0) {
        count_refcount_block(entry);
      }
    }
  }

  void count_refcount_block(std::uint64_t entry) {
    const std::uint64_t offset = entry & RefcountReader::offset_mask;
    if (entry != offset) {
      return corrupt("refcount table entry has reserved bits set", offset);
    }
    if (!is_aligned(offset, header_.cluster_size())) {
      return corrupt("refcount block does not begin on a cluster border", offset);
    }
    const std::uint64_t cluster = offset >> header_.cluster_bits;
    if (cluster >= census_.clusters()) {
      return corrupt("refcount block lies past the end of the file", offset);
    }
    CheckPass& pass = census_.pass();
    census_.count({offset, header_.cluster_size()}, ClusterUse::structure, "refcount block");
    if (pass.counts.covers(cluster) && pass.counts.count(cluster) != 1) {
      ++pass.by_cluster.corruptions;
      pass.by_cluster.findings.add(Severity::damage,
                                   fmt::format("refcount block is used {} times", pass.counts.count(cluster)), offset);
    }
  }

  const Image& image_;
  const format::Header& header_;
  const CheckOptions& options_;
  RefcountReader& refcounts_;
  ClusterCensus census_;
  TreeCheck tree_;
};

}  // namespace

const char* name_of(Severity severity) noexcept {
  switch (severity) {
    case Severity::damage:
      return "damage";
    case Severity::leak:
      return "leak";
    case Severity::notice:
      return "notice";
  }
  return "?";
}

Result<ImageCheck> check_image(const Image& image, const CheckOptions& options) {
  const format::Header& header = *image.header();
  ImageCheck result;
  result.image_end_offset = header.cluster_size();
  result.total_clusters = align_up(header.virtual_size, header.cluster_size()) >> header.cluster_bits;
  auto refcounts = QC_TRY_IN(image.storage().name(), RefcountReader::open(header, image.storage()));
  const auto highest = static_cast<std::uint32_t>(std::min<std::uint64_t>(refcounts.highest(), UINT32_MAX));
  for (std::uint64_t first = 0; first != UINT64_MAX;) {
    ImageCheck told_before;
    CheckPass pass{.counts = ReferenceCounts(first, highest, options.counter_pages),
                   .by_cluster = result,
                   .by_walk = first == 0 ? result : told_before};
    QC_TRY(PassOverImage(image, pass, refcounts, options).run());
    first = pass.counts.end();
  }
  return result;
}

}  // namespace qchain
