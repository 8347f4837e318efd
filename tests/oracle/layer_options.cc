#include "tests/oracle/layer_options.h"

namespace qchain::test {
namespace {

std::uint64_t random_cluster(Random& random) {
  if (random.chance(50)) {
    return std::uint64_t{1} << random.between(9, 21);
  }
  return random.pick<std::uint64_t>({512, 4096, 16384, 65536, 65536});
}

void add_version_3_features(LayerOptions& options, bool has_backing, const std::string& data_file, Random& random) {
  if (random.chance(35)) {
    options.refcount_bits = std::uint64_t{1} << random.below(7);
  }
  options.lazy_refcounts = random.chance(15);
  options.zstd = random.chance(30);
  options.extended_l2 = options.cluster >= 16384 && random.chance(40);
  if (random.chance(15)) {
    options.data_file = data_file;
  }
  options.raw_data_file = !options.data_file.empty() && !has_backing && random.chance(50);
}

}  // namespace

LayerOptions random_options(bool has_backing, const std::string& data_file, Random& random) {
  LayerOptions options;
  options.cluster = random_cluster(random);
  options.version_2 = random.chance(20);
  if (!options.version_2) {
    add_version_3_features(options, has_backing, data_file, random);
  }
  const bool can_preallocate = !has_backing || options.extended_l2;  // as QEMU has it
  if (can_preallocate && random.chance(15)) {
    options.preallocation = random.pick<std::string>({"metadata", "falloc", "full"});
  }
  return options;
}

std::string LayerOptions::text() const {
  std::string text = "cluster_size=" + std::to_string(cluster) + (version_2 ? ",compat=0.10" : ",compat=1.1");
  if (refcount_bits != 16) {
    text += ",refcount_bits=" + std::to_string(refcount_bits);
  }
  if (extended_l2) {
    text += ",extended_l2=on";
  }
  if (zstd) {
    text += ",compression_type=zstd";
  }
  if (lazy_refcounts) {
    text += ",lazy_refcounts=on";
  }
  if (!data_file.empty()) {
    text += ",data_file=" + data_file;
  }
  if (raw_data_file) {
    text += ",data_file_raw=on";
  }
  if (!preallocation.empty()) {
    text += ",preallocation=" + preallocation;
  }
  return text;
}

}  // namespace qchain::test
