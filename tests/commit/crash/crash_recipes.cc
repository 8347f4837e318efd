#include "tests/commit/crash/crash_case.h"

namespace qchain::test {
namespace {

constexpr std::uint64_t KiB = 1024;
const Range some_data{3000, 60000};

LayerRecipe layer(std::string options, std::vector<std::string> writes, std::optional<std::uint64_t> size = {}) {
  return {.options = std::move(options), .writes = std::move(writes), .size = size};
}

/// A name of `length` bytes for the base, in folders of names no longer than a file system takes.
std::string folders_for_name_of(std::size_t length) {
  std::string folder;
  for (std::size_t left = length - std::string("base.raw").size(); left > 0;) {
    const std::size_t part = left <= 201 ? left : left - 201 == 1 ? 200 : 201;
    folder += std::string(part - 1, 'n') + "/";
    left -= part;
  }
  return folder;
}

/// Sizes: growth, a short base, odd tails, own data beyond the view.
std::vector<CrashRecipe> sizes() {
  const LayerRecipe top = layer("cluster_size=4k", {"write -P 9 8k 4k"});
  return {
      {.name = "one_layer_full", .base_size = 128 * KiB, .base_data = {some_data}, .layers = {top}},
      {.name = "one_layer_under_an_overlay",
       .base_size = 128 * KiB,
       .base_data = {some_data},
       .layers = {layer("cluster_size=4k", {"write -P 1 0 12k", "write -P 2 64k 8k"}), top}},
      {.name = "two_layers_under_an_overlay",
       .base_size = 128 * KiB,
       .base_data = {some_data},
       .layers = {layer("", {"write -P 1 0 64k"}), layer("cluster_size=4k", {"write -P 2 60k 16k"}), top},
       .merged = 2},
      {.name = "growth_full",
       .base_size = 64 * KiB,
       .base_data = {some_data},
       .layers = {layer("cluster_size=4k", {"write -P 1 100k 4k", "write -P 2 4k 4k"}, 160 * KiB)}},
      {.name = "growth_under_an_overlay",
       .base_size = 64 * KiB,
       .base_data = {some_data},
       .layers = {layer("cluster_size=4k", {"write -P 1 60k 12k"}, 160 * KiB), top}},
      {.name = "growth_of_nothing_but_length",
       .base_size = 64 * KiB,
       .base_data = {some_data},
       .layers = {layer("cluster_size=4k", {}, 160 * KiB), top}},
      {.name = "empty_base",
       .base_size = 0,
       .base_data = {},
       .layers = {layer("cluster_size=4k", {"write -P 1 20k 8k"}, 96 * KiB), top}},
      {.name = "odd_tail_of_the_base",
       .base_size = 100001,
       .base_data = {{90000, 10001}},
       .layers = {layer("cluster_size=4k", {"write -P 1 92k 4k"}), top}},
      {.name = "odd_tail_and_growth",
       .base_size = 100001,
       .base_data = {{90000, 10001}},
       .layers = {layer("cluster_size=4k", {"write -P 1 120k 4k"}, 160 * KiB), top}},
      {.name = "short_layer_in_the_middle",
       .base_size = 128 * KiB,
       .base_data = {{0, 128 * KiB}},
       .layers = {layer("cluster_size=4k", {"write -P 1 0 4k"}, 48 * KiB),
                  layer("cluster_size=4k", {"write -P 2 20k 4k"}, 128 * KiB), top},
       .merged = 2},
      {.name = "view_shorter_than_the_base_full",
       .base_size = 128 * KiB,
       .base_data = {{0, 128 * KiB}},
       .layers = {layer("cluster_size=4k", {"write -P 1 4k 4k"}, 50 * KiB)}},
      {.name = "view_shorter_than_the_base_under_a_short_overlay",
       .base_size = 128 * KiB,
       .base_data = {{0, 128 * KiB}},
       .layers = {layer("cluster_size=4k", {"write -P 1 4k 4k"}, 50 * KiB),
                  layer("cluster_size=4k", {"write -P 2 8k 4k"}, 50 * KiB)}},
      {.name = "overlay_longer_than_the_view",
       .base_size = 64 * KiB,
       .base_data = {some_data},
       .layers = {layer("cluster_size=4k", {"write -P 1 4k 4k"}),
                  layer("cluster_size=4k", {"write -P 2 100k 4k"}, 128 * KiB)}},
  };
}

/// Contents: zeros, compressed and shared clusters, nothing at all.
std::vector<CrashRecipe> contents() {
  const LayerRecipe top = layer("", {"write -P 9 8k 4k"});
  const Range all{0, 128 * KiB};
  return {
      {.name = "zero_clusters",
       .base_size = 128 * KiB,
       .base_data = {all},
       .layers = {layer("cluster_size=4k", {"write -P 1 0 16k", "write -z 8k 20k", "write -z 60k 4k"}), top}},
      {.name = "zeros_before_data",
       .base_size = 128 * KiB,
       .base_data = {all},
       .layers = {layer("cluster_size=4k", {"write -z 8k 20k", "write -P 1 40k 8k", "write -z 60k 4k"}), top}},
      {.name = "discarded_clusters_full",
       .base_size = 128 * KiB,
       .base_data = {all},
       .layers = {layer("cluster_size=4k", {"write -P 1 0 16k", "discard 4k 8k", "discard 32k 32k"})}},
      {.name = "data_that_is_zeros",
       .base_size = 128 * KiB,
       .base_data = {all},
       .layers = {layer("cluster_size=4k", {"write -P 0 0 16k", "write -P 1 16k 4k", "write -P 0 40k 4k"}), top}},
      {.name = "compressed",
       .base_size = 128 * KiB,
       .base_data = {some_data},
       .layers = {layer("", {"write -c -P 1 0 64k", "write -c -P 2 64k 64k"}), top}},
      {.name = "compressed_zstd_full",
       .base_size = 128 * KiB,
       .base_data = {some_data},
       .layers = {layer("compression_type=zstd", {"write -c -P 1 0 64k"})}},
      {.name = "subclusters",
       .base_size = 128 * KiB,
       .base_data = {all},
       .layers = {layer("extended_l2=on", {"write -P 1 2k 2k", "write -z 10k 4k", "write -P 2 70k 6k"}),
                  layer("extended_l2=on", {"write -P 9 8k 4k"})}},
      {.name = "nothing_to_move", .base_size = 64 * KiB, .base_data = {some_data}, .layers = {layer("", {}), top}},
      {.name = "scattered",
       .base_size = 128 * KiB,
       .base_data = {all},
       .layers = {layer("cluster_size=512", {"write -P 1 1k 512", "write -P 2 5k 1k", "write -P 3 9k 512",
                                             "write -z 11k 512", "write -P 4 13k 512", "write -P 5 17k 512"}),
                  layer("cluster_size=512", {"write -P 6 512 512"})}},
      {.name = "every_layer_overwrites",
       .base_size = 64 * KiB,
       .base_data = {some_data},
       .layers = {layer("cluster_size=4k", {"write -P 1 0 32k"}), layer("cluster_size=4k", {"write -P 2 8k 16k"}),
                  layer("cluster_size=4k", {"write -z 12k 4k"}), layer("cluster_size=4k", {"write -P 3 14k 2k"})},
       .merged = 3},
      {.name = "shared_blocks",
       .base_size = 128 * KiB,
       .base_data = {some_data},
       .layers = {layer("cluster_size=4k", {"write -P 1 0 12k", "write -P 2 64k 8k", "write -z 80k 4k"}), top},
       .shares_blocks = true},
      {.name = "shared_blocks_full_growth",
       .base_size = 64 * KiB,
       .base_data = {some_data},
       .layers = {layer("", {"write -P 1 60k 50k"}, 160 * KiB)},
       .shares_blocks = true},
  };
}

/// Bases in qcow2: what their writer must not lose besides the view.
std::vector<CrashRecipe> qcow2_bases() {
  const LayerRecipe top = layer("", {"write -P 9 8k 4k"});
  const LayerRecipe merged = layer("cluster_size=4k", {"write -P 1 2k 10k", "write -z 40k 8k", "write -P 2 90k 12k"});
  const auto base = [](std::string name, std::string options, std::vector<LayerRecipe> layers) {
    return CrashRecipe{.name = std::move(name),
                       .base_size = 128 * KiB,
                       .base_data = {},
                       .layers = std::move(layers),
                       .qcow2_base = Qcow2BaseRecipe{.options = std::move(options),
                                                     .writes = {"write -P 5 0 20k", "write -P 6 64k 40k"},
                                                     .writes_after_snapshot = {}}};
  };
  std::vector<CrashRecipe> recipes{
      base("qcow2_base", "cluster_size=4k", {merged, top}),
      base("qcow2_base_full", "cluster_size=4k", {merged}),
      base("qcow2_base_of_version_2", "compat=0.10,cluster_size=4k", {merged, top}),
      base("qcow2_base_with_subclusters", "extended_l2=on,cluster_size=16k", {merged, top}),
      base("qcow2_base_with_narrow_refcounts", "refcount_bits=1,cluster_size=4k", {merged, top}),
      base("qcow2_base_with_lazy_refcounts", "lazy_refcounts=on,cluster_size=4k", {merged, top}),
      base("qcow2_base_that_grows", "cluster_size=512",
           {layer("cluster_size=4k", {"write -P 1 120k 40k"}, 160 * KiB), top}),
      base("qcow2_base_that_only_grows", "cluster_size=4k", {layer("cluster_size=4k", {}, 160 * KiB), top}),
      base("qcow2_base_with_compressed_clusters", "cluster_size=4k", {merged, top}),
      base("qcow2_base_with_a_snapshot", "cluster_size=4k", {merged, top}),
      base("qcow2_base_under_a_short_overlay", "cluster_size=4k",
           {layer("cluster_size=4k", {"write -P 1 4k 4k"}, 50 * KiB), layer("cluster_size=4k", {}, 96 * KiB)}),
  };
  for (CrashRecipe& recipe : recipes) {
    if (recipe.name.ends_with("compressed_clusters")) {
      recipe.qcow2_base->writes = {"write -c -P 5 0 32k", "write -c -P 6 64k 32k"};
    }
    if (recipe.name.ends_with("snapshot")) {
      recipe.qcow2_base->writes_after_snapshot = {"write -P 7 16k 8k"};
    }
  }
  return recipes;
}

/// Headers: every cluster size and version, short and long names.
std::vector<CrashRecipe> headers() {
  const auto relink = [](std::string name, std::string options, std::size_t name_length) {
    const LayerRecipe merged = layer("cluster_size=4k", {"write -P 1 0 8k"});
    return CrashRecipe{.name = std::move(name),
                       .base_size = 64 * KiB,
                       .base_data = {some_data},
                       .layers = {merged, layer(std::move(options), {"write -P 9 8k 4k"})},
                       .base_folder = folders_for_name_of(name_length)};
  };
  std::vector<CrashRecipe> recipes{
      relink("header_512_short_name", "cluster_size=512", 8),
      relink("header_512_name_of_100", "cluster_size=512", 100),
      relink("header_512_longest_name", "cluster_size=512", 376),
      relink("header_4k_longest_name", "cluster_size=4k", 1023),
      relink("header_64k_short_name", "cluster_size=64k", 8),
      relink("header_64k_longest_name", "cluster_size=64k", 1023),
      relink("header_2m_name_of_600", "cluster_size=2M", 600),
      relink("header_v2_short_name", "compat=0.10", 8),
      relink("header_v2_512_name_of_300", "compat=0.10,cluster_size=512", 300),
      relink("header_v2_longest_name", "compat=0.10,cluster_size=4k", 1023),
      relink("header_zstd_lazy_refcounts", "compression_type=zstd,lazy_refcounts=on", 300),
      relink("header_subclusters", "extended_l2=on", 500),
  };
  CrashRecipe absolute = relink("header_absolute_names", "cluster_size=4k", 200);
  absolute.absolute_names = true;
  recipes.push_back(absolute);
  CrashRecipe three = relink("header_with_images_above_the_overlay", "cluster_size=4k", 60);
  three.layers.push_back(layer("", {"write -P 7 20k 4k"}));
  recipes.push_back(three);
  return recipes;
}

}  // namespace

std::vector<CrashRecipe> crash_recipes() {
  std::vector<CrashRecipe> all = sizes();
  for (const auto& more : {contents(), qcow2_bases(), headers()}) {
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

}  // namespace qchain::test
