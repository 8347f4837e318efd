#include "tests/oracle/random_chain.h"

#include <algorithm>
#include <filesystem>

#include "qcow/core/range.h"
#include "tests/oracle/guest_writes.h"
#include "tests/oracle/layer_options.h"
#include "tests/support/files.h"
#include "tests/support/qemu.h"
#include "tests/support/seed.h"

namespace qchain::test {
namespace {

constexpr std::uint64_t sector_bytes = 512;

class ChainMaker {
 public:
  ChainMaker(std::string folder, std::uint64_t seed, const OverlayMaker& maker) : random_(seed), maker_(maker) {
    chain_.folder = std::move(folder);
  }
  MadeChain make();

 private:
  std::size_t random_depth();
  std::uint64_t random_size();
  std::string random_name(std::size_t position, const std::string& ending);
  void make_raw_base();
  void make_packed_base();
  void make_qcow2_layer();
  std::string backing_name(Naming naming);
  LayerOptions create_layer(MadeLayer& layer);
  void have_overlay_made(MadeLayer& layer);
  void write_to(const MadeLayer& layer, const LayerOptions& options);
  void resize_now_and_then(MadeLayer& layer);
  void snapshot_now_and_then(const MadeLayer& layer);
  void write_raw(const std::string& path, std::uint64_t length);
  [[nodiscard]] std::string absolute(const std::string& file) const { return chain_.folder + "/" + file; }

  MadeChain chain_;
  Random random_;
  const OverlayMaker& maker_;
};

std::size_t ChainMaker::random_depth() {
  return random_.chance(2) ? 20 : random_.between(1, 6);
}

/// Mostly near the size of the layer below: the ends are where layers disagree.
std::uint64_t ChainMaker::random_size() {
  if (!chain_.layers.empty() && random_.chance(45)) {
    return align_up(chain_.layers.back().size, sector_bytes);
  }
  const std::uint64_t largest = random_.pick<std::uint64_t>({64 << 10, 1 << 20, 1 << 20, 4 << 20, 8 << 20});
  const std::uint64_t size = 1 + random_.below(largest);
  return align_up(size, random_.chance(50) ? sector_bytes : 65536);
}

std::string ChainMaker::random_name(std::size_t position, const std::string& ending) {
  const std::string number = std::to_string(position);
  return random_.pick<std::string>({"layer", "layer", "in/layer", "in/deep/layer", "a layer ", "a:b"}) + number +
         ending;
}

void ChainMaker::write_raw(const std::string& path, std::uint64_t length) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  make_hole_file(path, length);
  chain_.recipe.note("truncate -s " + std::to_string(length) + " " + path);
  for (std::uint64_t left = length == 0 ? 0 : random_.below(6); left > 0; --left) {
    const std::uint64_t start = random_.below(length);
    const std::uint64_t count = std::min(length - start, 1 + random_.below(std::max<std::uint64_t>(length / 3, 1)));
    poke(path, start, telling_bytes(count, static_cast<unsigned>(left)));
    chain_.recipe.note("bytes written at " + std::to_string(start) + " + " + std::to_string(count));
  }
}

/// Any length, also one that is no multiple of a sector; with holes.
void ChainMaker::make_raw_base() {
  MadeLayer layer{.file = random_name(0, ".raw"), .format = "raw"};
  layer.size = random_.chance(40) ? random_size() - random_.below(sector_bytes) : random_size();
  write_raw(absolute(layer.file), layer.size);
  chain_.layers.push_back(layer);
}

/// A base as "qemu-img convert -c" leaves it: all compressed, packed without regard to sectors.
void ChainMaker::make_packed_base() {
  MadeLayer layer{.file = random_name(0, ".qcow2"), .format = "qcow2", .size = random_size()};
  const std::string source = absolute("source.raw");
  write_raw(source, layer.size);
  std::filesystem::create_directories(std::filesystem::path(absolute(layer.file)).parent_path());
  LayerOptions options = random_options(false, {}, random_);
  options.preallocation.clear();
  layer.cluster = options.cluster;
  chain_.recipe.run(
      {"qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", "-o", options.text(), source, absolute(layer.file)});
  chain_.layers.push_back(layer);
  if (random_.chance(50)) {
    write_to(layer, options);
  }
}

std::string ChainMaker::backing_name(Naming naming) {
  const std::filesystem::path below(absolute(chain_.layers[chain_.layers.size() - 2].file));
  const std::filesystem::path folder = std::filesystem::path(absolute(chain_.layers.back().file)).parent_path();
  switch (naming) {
    case Naming::absolute:
      return below;
    case Naming::file_prefix:
      return "file:" + below.string();
    case Naming::relative: {
      const std::string relative = below.lexically_relative(folder);
      return relative.find(':') == std::string::npos ? relative : "./" + relative;
    }
    case Naming::json:
      break;
  }
  const std::string& format = chain_.layers[chain_.layers.size() - 2].format;
  if (random_.chance(50)) {
    return R"(json:{"driver":")" + format + R"(","file.filename":")" + below.string() + "\"}";
  }
  return R"(json:{"driver":")" + format + R"(","file":{"driver":"file","filename":")" + below.string() + "\"}}";
}

void ChainMaker::have_overlay_made(MadeLayer& layer) {
  const MadeLayer& below = chain_.layers[chain_.layers.size() - 2];
  layer.naming = random_.pick<Naming>({Naming::absolute, Naming::relative, Naming::relative});
  OverlayWish wish{.image = absolute(below.file),
                   .image_format = below.format,
                   .overlay = absolute(layer.file),
                   .size = layer.size,
                   .cluster = layer.cluster};
  if (layer.naming == Naming::relative) {
    wish.image = std::filesystem::relative(wish.image);
  }
  chain_.recipe.note("qchain " +
                     shell_line({"snapshot", "--format=" + wish.image_format, "--size=" + std::to_string(wish.size),
                                 "--cluster-size=" + std::to_string(wish.cluster), wish.image, wish.overlay}));
  maker_(wish);
}

/// Creates the layer that was just appended to the chain.
LayerOptions ChainMaker::create_layer(MadeLayer& layer) {
  const bool has_backing = chain_.layers.size() > 1;
  const std::string path = absolute(layer.file);
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  LayerOptions options = random_options(has_backing, path + ".data", random_);
  layer.cluster = options.cluster;
  if (maker_ && has_backing && random_.chance(40)) {
    have_overlay_made(layer);
    LayerOptions plain;
    plain.cluster = options.cluster;
    return plain;
  }
  ImageSpec spec{.options = options.text(), .backing = {}, .backing_format = {}, .size = layer.size};
  if (has_backing) {
    layer.naming =
        random_.pick<Naming>({Naming::absolute, Naming::relative, Naming::relative, Naming::file_prefix, Naming::json});
    spec.backing = backing_name(layer.naming);
    spec.backing_format = chain_.layers[chain_.layers.size() - 2].format;
  }
  chain_.recipe.run(create_command(path, spec));
  return options;
}

void ChainMaker::write_to(const MadeLayer& layer, const LayerOptions& options) {
  WriteTarget target{.size = layer.size,
                     .cluster = options.cluster,
                     .borders = {layer.size - 1, options.cluster * (options.cluster / (options.extended_l2 ? 16 : 8))},
                     .compressible = options.data_file.empty(),
                     .pattern = absolute("pattern" + std::to_string(chain_.layers.size()))};
  for (const MadeLayer& below : chain_.layers) {
    target.borders.push_back(below.size);
  }
  make_patterns(target.pattern, random_);
  std::vector<std::string> commands = random_writes(target, random_.below(14), random_);
  if (options.lazy_refcounts && random_.chance(30)) {
    commands.insert(commands.end(), {"flush", "abort"});  // leaves the dirty bit set
  }
  chain_.recipe.write(absolute(layer.file), commands);
}

void ChainMaker::resize_now_and_then(MadeLayer& layer) {
  if (!random_.chance(8)) {
    return;
  }
  const std::uint64_t size = random_size();
  if (chain_.recipe.attempt(
          {"qemu-img", "resize", "-q", "-f", "qcow2", "--shrink", absolute(layer.file), std::to_string(size)})) {
    layer.size = size;
  }
}

/// Refused for narrow refcounts, version 2 (bitmaps) and data files, which the recipe takes as it comes.
void ChainMaker::snapshot_now_and_then(const MadeLayer& layer) {
  const std::string path = absolute(layer.file);
  if (random_.chance(12)) {
    chain_.recipe.attempt({"qemu-img", "snapshot", "-q", "-c", "before lunch", path});
  }
  if (random_.chance(12)) {
    chain_.recipe.attempt({"qemu-img", "bitmap", "-f", "qcow2", "--add", path, "changes"});
  }
}

void ChainMaker::make_qcow2_layer() {
  const std::size_t position = chain_.layers.size();
  chain_.layers.push_back({.file = random_name(position, ".qcow2"), .format = "qcow2", .size = random_size()});
  MadeLayer& layer = chain_.layers.back();
  const LayerOptions options = create_layer(layer);
  if (random_.chance(8)) {
    return;  // an overlay nobody has written to
  }
  write_to(layer, options);
  snapshot_now_and_then(layer);
  resize_now_and_then(layer);
  if (random_.chance(30)) {
    write_to(layer, options);
  }
}

MadeChain ChainMaker::make() {
  const std::size_t depth = random_depth();
  const std::uint64_t dice = random_.below(100);
  if (dice < 50) {
    make_raw_base();
  }
  if (dice >= 85) {
    make_packed_base();
  }
  while (chain_.layers.size() < depth) {
    make_qcow2_layer();
  }
  return std::move(chain_);
}

}  // namespace

MadeChain make_random_chain(const std::string& folder, std::uint64_t seed, const OverlayMaker& maker) {
  return ChainMaker(folder, seed, maker).make();
}

}  // namespace qchain::test
