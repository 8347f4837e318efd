#include "base_case.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "qcow/chain/qcow2_image.h"
#include "tests/support/files.h"
#include "tests/support/qemu.h"
#include "tests/support/views.h"

namespace qchain::test {
namespace {

constexpr std::uint64_t sector = 512;

std::uint64_t size_limit(std::uint32_t cluster_bits) {
  if (cluster_bits <= 10) return 512U << 10;
  if (cluster_bits <= 14) return 1536U << 10;
  return cluster_bits <= 16 ? 4U << 20 : 10U << 20;
}

/// A range of whole sectors; often at cluster borders, often short.
Range random_range(Random& random, std::uint64_t size, std::uint64_t cluster) {
  std::uint64_t start = random.below(size / sector) * sector;
  std::uint64_t length = (1 + random.below(random.chance(50) ? 16 : 1 + size / sector / 3)) * sector;
  if (random.chance(40)) {
    start = align_down(start, cluster);
    length = align_up(length, cluster);
  }
  return {start, std::min(length, size - start)};
}

/// Commands for qemu-io that compress some clusters of an empty image.
std::vector<std::string> random_compressions(const BaseRecipe& recipe, Random& random) {
  const std::uint64_t cluster = std::uint64_t{1} << recipe.cluster_bits;
  std::vector<std::string> commands;
  for (std::uint64_t start = 0; start + cluster <= recipe.size && commands.size() < 64; start += cluster) {
    if (random.chance(20)) commands.push_back(fmt::format("write -c -P {} {} {}", random.below(256), start, cluster));
  }
  return commands;
}

std::string random_command(const BaseRecipe& recipe, Random& random) {
  const Range range = random_range(random, recipe.size, std::uint64_t{1} << recipe.cluster_bits);
  const std::string place = fmt::format("{} {}", range.start, range.length);
  const std::uint64_t kind = random.below(10);
  if (kind < 2) return "write -z " + place;
  if (kind < 3) return "write -z -u " + place;
  if (kind < 4) return "discard " + place;
  return fmt::format("write -P {} {}", random.between(1, 255), place);
}

std::vector<std::string> random_commands(const BaseRecipe& recipe, Random& random) {
  std::vector<std::string> commands(random.between(1, 12));
  for (std::string& command : commands) command = random_command(recipe, random);
  return commands;
}

std::string random_v3_options(BaseRecipe& recipe, Random& random) {
  std::string options = fmt::format("compat=1.1,refcount_bits={}", 1U << random.below(7));
  const bool one_bit = options.ends_with("=1");
  if (recipe.cluster_bits >= 14 && random.chance(50)) options += ",extended_l2=on";
  if (random.chance(20)) options += ",lazy_refcounts=on";
  recipe.has_data_file = random.chance(20);
  if (recipe.has_data_file) {
    recipe.has_compressed = false;
    if (random.chance(50)) {
      options += ",data_file_raw=on";
      recipe.backing.reset();
    }
  } else if (random.chance(30)) {
    options += ",compression_type=zstd";
  }
  recipe.has_snapshots = !recipe.has_data_file && !one_bit && random.chance(50);
  recipe.bitmaps = random.chance(40) ? BaseRecipe::Bitmaps::random : BaseRecipe::Bitmaps::none;
  return options;
}

}  // namespace

BaseRecipe random_recipe(Random& random) {
  BaseRecipe recipe;
  recipe.cluster_bits = random.pick<std::uint32_t>({9, 9, 9, 10, 12, 12, 14, 14, 15, 16, 16, 18, 21});
  recipe.size = random.between(1, size_limit(recipe.cluster_bits) / sector) * sector;
  recipe.has_compressed = random.chance(60);
  if (random.chance(50)) {
    recipe.backing = random.pick<std::uint64_t>({recipe.size, recipe.size / 2, recipe.size * 2}) / sector * sector;
  }
  if (random.chance(25)) {
    recipe.options = "compat=0.10";
    recipe.has_snapshots = random.chance(50);
  } else {
    recipe.options = random_v3_options(recipe, random);
  }
  if (!recipe.backing && random.chance(15)) {
    recipe.options += ",preallocation=metadata";
    recipe.has_compressed = false;  // all is allocated
  }
  return recipe;
}

BaseCase::BaseCase(const BaseRecipe& recipe, Random& random) : image_(folder_ / "base.qcow2") {
  std::string options = fmt::format("{},cluster_size={}", recipe.options, std::uint64_t{1} << recipe.cluster_bits);
  if (recipe.has_data_file) {
    data_ = folder_ / "base.data";
    options += ",data_file=" + data_;
  }
  if (recipe.backing) make_backing(*recipe.backing, random);
  create_qcow2(
      image_,
      {.options = options, .backing = backing_, .backing_format = backing_.empty() ? "" : "raw", .size = recipe.size});
  fill(recipe, random);
  content_ = qemu_bytes(image_, "qcow2");
  snapshot_contents_ = read_snapshots();
  bitmaps_ = bitmaps_of(read_file(image_));
}

void BaseCase::make_backing(std::uint64_t size, Random& random) {
  backing_ = folder_ / "backing.raw";
  ByteVector bytes = telling_bytes(size, static_cast<unsigned>(random.below(256)));
  // Some of it reads as zeros.
  for (std::uint64_t start = 0; start < size; start += 20000) {
    const std::uint64_t length = std::min<std::uint64_t>(size - start, 7000);
    if (random.chance(30)) std::ranges::fill(MutableBytes(bytes).subspan(start, length), std::byte{0});
  }
  write_file(backing_, bytes);
  const auto view = open_view(backing_, {.format = ImageFormat::raw});
  if (!view) throw std::runtime_error(describe(view.error()));
  below_ = *view;
}

void BaseCase::fill(const BaseRecipe& recipe, Random& random) {
  // All compression first, and in a process of its own: QEMU 7.2 ruins an image where it discards and compresses in
  // turn.
  if (recipe.has_compressed) qemu_io(image_, random_compressions(recipe, random));
  const auto change = [&] { qemu_io(image_, random_commands(recipe, random)); };
  if (random.chance(90)) change();
  for (std::uint64_t left = recipe.has_snapshots ? random.between(1, 2) : 0; left > 0; --left) {
    const std::string name = fmt::format("before{}", left);
    // Narrow refcounts don't count far enough for many compressed clusters in one host cluster.
    if (run({"qemu-img", "snapshot", "-c", name, image_}).ok()) snapshots_.push_back(name);
    if (random.chance(80)) change();
  }
  // What a refused snapshot has left. Not later: QEMU 7.2 forgets all snapshots when it repairs an image with bitmaps.
  (void)run({"qemu-img", "check", "-q", "-r", "leaks", image_});
  if (recipe.bitmaps == BaseRecipe::Bitmaps::clean) qemu_img({"bitmap", "--add", "-g", "512", image_, "clean"});
  if (recipe.bitmaps == BaseRecipe::Bitmaps::random) {
    add_bitmaps(random);
    if (random.chance(80)) change();
  }
}

/// Of all kinds, but inconsistent ones: they need a crash.
void BaseCase::add_bitmaps(Random& random) const {
  for (std::uint64_t left = random.between(1, 3); left > 0; --left) {
    const std::uint64_t granularity = random.pick<std::uint64_t>({512, 512, 4096, 65536, 1 << 20});
    Arguments command{"bitmap", "--add", "-g", std::to_string(granularity), image_, fmt::format("bitmap {}", left)};
    if (random.chance(30)) command.insert(command.begin() + 2, "--disable");
    qemu_img(command);
  }
}

KnownBitmaps bitmaps_of(const ByteVector& image) {
  const auto file = std::make_shared<MemoryFile>(image);
  const Qcow2Image qcow2(setup_of(file, nullptr, nullptr).header, file, nullptr);
  const auto bitmaps = qcow2.bitmaps();
  if (!bitmaps) throw std::runtime_error(describe(bitmaps.error()));
  KnownBitmaps known;
  for (const format::Bitmap& bitmap : *bitmaps) known.push_back({bitmap, dirty_sectors(qcow2, bitmap)});
  return known;
}

std::vector<ByteVector> BaseCase::disks() const {
  std::vector<ByteVector> disks{read_file(image_)};
  if (has_data_file()) disks.push_back(read_file(data_));
  return disks;
}

void BaseCase::put(const std::vector<ByteVector>& disks) const {
  write_file(image_, disks[0]);
  if (has_data_file()) write_file(data_, disks[1]);
}

std::vector<ByteVector> BaseCase::read_snapshots() const {
  std::vector<ByteVector> contents;
  for (const std::string& name : snapshots_) {
    const std::string flat = folder_ / "snapshot.raw";
    qemu_img({"convert", "-f", "qcow2", "-l", "snapshot.name=" + name, "-O", "raw", image_, flat});
    contents.push_back(read_file(flat));
    // QEMU reads a snapshot as long as the disk is now, not as it was.
    contents.back().resize(content_.size());
  }
  return contents;
}

Operations random_operations(const BaseRecipe& recipe, Random& random, bool may_grow) {
  using enum Operation::Kind;
  Operations operations;
  std::uint64_t size = recipe.size;
  const std::uint64_t cluster = std::uint64_t{1} << recipe.cluster_bits;
  const auto grow_by = [&] {
    size += (1 + random.below(random.chance(30) ? 3 : size / sector + 300)) * sector;
    operations.push_back({grow, {0, size}, 0});
  };
  if (may_grow && random.chance(50)) grow_by();
  for (std::uint64_t left = random.between(1, 14); left > 0; --left) {
    const Operation::Kind kind = random.pick<Operation::Kind>({write, write, write, write, zero, zero, clone, flush});
    const Range range = kind == flush ? Range{} : random_range(random, size, cluster);
    operations.push_back({kind, range, static_cast<unsigned>(random.below(256))});
  }
  if (may_grow && random.chance(10)) grow_by();
  return operations;
}

std::string to_string(const Operations& operations) {
  static constexpr const char* names[] = {"write", "zero", "clone", "grow", "flush"};
  std::string text;
  for (const Operation& operation : operations) {
    text += fmt::format("{} {} {}; ", names[static_cast<int>(operation.kind)], operation.range.start,
                        operation.range.length);
  }
  return text;
}

Result<void> perform(const Operations& operations, BaseWriter& writer) {
  for (const auto& [kind, range, salt] : operations) {
    const ByteVector bytes = kind == Operation::Kind::grow ? ByteVector{} : telling_bytes(range.length, salt);
    switch (kind) {
      case Operation::Kind::write:
        QC_TRY(writer.write(range.start, bytes));
        break;
      case Operation::Kind::zero:
        QC_TRY(writer.zero(range));
        break;
      case Operation::Kind::clone:
        if (QC_TRY(writer.clone(MemoryFile(bytes), 0, range)) == CloneAnswer::impossible) {
          QC_TRY(writer.write(range.start, bytes));
        }
        break;
      case Operation::Kind::grow:
        // Repeated after a crash, the disk may be longer already.
        if (range.length > writer.size()) QC_TRY(writer.grow(range.length));
        break;
      case Operation::Kind::flush:
        QC_TRY(writer.flush());
        break;
    }
  }
  return writer.flush();
}

void perform(const Operations& operations, ByteVector& model) {
  for (const auto& [kind, range, salt] : operations) {
    switch (kind) {
      case Operation::Kind::write:
      case Operation::Kind::clone:
        std::ranges::copy(telling_bytes(range.length, salt), model.begin() + static_cast<std::ptrdiff_t>(range.start));
        break;
      case Operation::Kind::zero:
        std::ranges::fill(MutableBytes(model).subspan(range.start, range.length), std::byte{0});
        break;
      case Operation::Kind::grow:
        model.resize(range.length);
        break;
      case Operation::Kind::flush:
        break;
    }
  }
}

KnownBitmaps perform(const Operations& operations, KnownBitmaps bitmaps) {
  for (KnownBitmap& known : bitmaps) {
    for (const auto& [kind, range, salt] : operations) {
      if (kind == Operation::Kind::grow) {
        // A bit that reached past the old end counts there now.
        const std::uint64_t last = known.sectors.size() - 1;
        const bool was_dirty = known.sectors[last];
        known.sectors.resize(range.length / sector);
        if (was_dirty) set_dirty(known.sectors, {last * sector, sector}, known.bitmap.granularity);
      } else if (kind != Operation::Kind::flush && known.records()) {
        set_dirty(known.sectors, range, known.bitmap.granularity);
      }
    }
  }
  return bitmaps;
}

std::optional<std::string> difference(const KnownBitmaps& expected, const KnownBitmaps& got) {
  if (expected.size() != got.size()) return fmt::format("{} bitmaps instead of {}", got.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const format::Bitmap &a = expected[i].bitmap, &b = got[i].bitmap;
    const bool same = a.name == b.name && a.granularity == b.granularity && a.enabled == b.enabled &&
                      a.inconsistent == b.inconsistent;
    if (!same) return fmt::format("bitmap '{}' has changed", a.name);
    if (expected[i].sectors != got[i].sectors) return fmt::format("bitmap '{}' has wrong bits", a.name);
  }
  return std::nullopt;
}

Qcow2WriterSetup setup_of(const SharedWritable& file, const SharedWritable& data_file,
                          const std::shared_ptr<const View>& below) {
  ByteVector first(std::min<std::uint64_t>(file->size(), std::uint64_t{2} << 20));
  if (const auto count = file->read(0, first); !count) throw std::runtime_error(describe(count.error()));
  const auto header = format::parse_header(first);
  if (!header) throw std::runtime_error(describe(header.error()));
  Qcow2WriterSetup setup;
  setup.file = file;
  setup.data_file = data_file;
  setup.header = *header;
  setup.below = below;
  return setup;
}

}  // namespace qchain::test
