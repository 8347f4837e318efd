// Target: the header of an image, any bytes. Input: the first bytes of an image file.
#include "qcow/format/header.h"

#include "tests/fuzz/input.h"
#include "tests/fuzz/qcow2_mutator.h"

using namespace qchain;

namespace {

void check_limits(const format::Header& header) {
  using fuzz::require;
  require(header.version == 2 || header.version == 3, "only versions 2 and 3 are read");
  require(header.cluster_bits >= format::min_cluster_bits && header.cluster_bits <= format::max_cluster_bits,
          "cluster size within the limits");
  require(header.refcount_order <= format::max_refcount_order, "refcount width within the limits");
  require(header.l1_entries <= format::max_l1_bytes / 8, "L1 table within the limits");
  require(header.virtual_size % format::sector == 0, "virtual size in whole sectors");
  require(header.virtual_size <= format::max_virtual_size, "virtual size within the limits");
  require(header.snapshot_count <= format::max_snapshots, "snapshots within the limits");
  require((header.incompatible & ~format::known_incompatible) == 0, "unknown incompatible features are refused");
  require(header.crypt_method == 0, "encryption is refused");
}

void check_l1_covers_the_disk(const format::Header& header) {
  const std::uint64_t span = header.l1_entry_span();
  const std::uint64_t needed = header.virtual_size / span + (header.virtual_size % span != 0 ? 1 : 0);
  fuzz::require(header.l1_entries >= needed, "the L1 table covers the virtual size");
}

void check_names(const format::Header& header) {
  using fuzz::require;
  if (header.backing_file) {
    require(header.backing_file->size() <= format::max_backing_name, "backing name within the limits");
  }
  if (header.backing_format) {
    require(header.backing_format->size() <= format::max_format_name, "backing format within the limits");
  }
  if (header.bitmaps) {
    require(header.bitmaps->directory_size <= format::max_bitmap_directory_bytes, "bitmap directory within the limits");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes bytes = std::as_bytes(std::span(data, size));
  const bool magic = format::looks_like_qcow2(bytes);
  const auto cluster =
      format::header_cluster_size(bytes.first(std::min<std::size_t>(size, format::full_header_length)));
  if (!cluster) {
    return 0;
  }
  fuzz::require(magic, "only a file with the magic has a cluster size");
  const auto header = format::parse_header(bytes.first(std::min<std::size_t>(size, *cluster)));
  if (header) {
    fuzz::require(header->cluster_size() == *cluster, "one cluster size");
    check_limits(*header);
    check_l1_covers_the_disk(*header);
    check_names(*header);
  }
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned int seed) {
  fuzz::Random random(seed);
  return fuzz::changed_in_place(data, size, max_size,
                                [&](fuzz::Content& image) { fuzz::mutate_image(image, max_size, random); });
}
