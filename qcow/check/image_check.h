#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>

#include "qcow/chain/image.h"
#include "qcow/check/findings.h"

namespace qchain {

/// What the metadata of one qcow2 image say against each other. `corruptions`, `leaks`, `check_errors` and the counts
/// of clusters are those of `qemu-img check` (block/qcow2-refcount.c: qcow2_check_refcounts); the rest is ours.
struct ImageCheck {
  std::uint64_t corruptions = 0;
  std::uint64_t leaks = 0;         ///< clusters
  std::uint64_t check_errors = 0;  ///< what could not be looked at

  std::uint64_t total_clusters = 0;  ///< of the guest's disk
  std::uint64_t allocated_clusters = 0;
  std::uint64_t fragmented_clusters = 0;
  std::uint64_t compressed_clusters = 0;
  std::uint64_t image_end_offset = 0;  ///< bytes of the file that are in use

  std::uint64_t overlaps = 0;          ///< host clusters used as metadata and as something else: never to be written
  std::uint64_t unreadable_bytes = 0;  ///< of the guest's disk, by what the metadata say

  Findings findings;

  /// Data is lost, or may be by a write. Leaks are no damage.
  [[nodiscard]] bool damaged() const noexcept {
    return corruptions > 0 || check_errors > 0 || overlaps > 0 || unreadable_bytes > 0;
  }
};

struct CheckOptions {
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;  ///< guest bytes; may be empty
  std::stop_token stop;
  std::size_t counter_pages = std::size_t{256} << 10;  ///< memory for counting: about 330 bytes each, 64 clusters
};

/// Reads all L1 and L2 tables, refcounts, snapshots and bitmaps of a qcow2 image; never its guest data. Memory is
/// bounded whatever the size: an image of more clusters is gone through several times. Errors: interrupted, io (the
/// refcount table). `image` is a qcow2 image.
[[nodiscard]] Result<ImageCheck> check_image(const Image& image, const CheckOptions& options);

}  // namespace qchain
