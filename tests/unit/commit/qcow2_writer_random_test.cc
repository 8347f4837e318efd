#include <gtest/gtest.h>

#include <cstdlib>

#include "base_case.h"
#include "tests/support/process.h"
#include "tests/support/qemu.h"
#include "tests/support/views.h"

namespace qchain::test {
namespace {

/// Small limits make a small case cross many of them.
void shrink_limits(Qcow2WriterSetup& setup, Random& random) {
  setup.table_budget = random.pick<std::uint64_t>({0, 0, std::uint64_t{16} << 20});
  setup.data_per_checkpoint = random.pick<std::uint64_t>({1, 100000, std::uint64_t{64} << 20});
}

void expect_no_leak(const std::string& image) {
  const ProcessResult check = run({"qemu-img", "check", "-f", "qcow2", image});
  EXPECT_EQ(check.status, 0) << check.out << check.err;
}

void run_case(std::uint64_t seed) {
  Random random(seed);
  const BaseRecipe recipe = random_recipe(random);
  const BaseCase base(recipe, random);
  const bool may_grow = !(recipe.options.starts_with("compat=0.10") && recipe.has_snapshots);
  const Operations operations = random_operations(recipe, random, may_grow);
  SCOPED_TRACE("case " + std::to_string(seed) + ": " + recipe.options + ", cluster_bits " +
               std::to_string(recipe.cluster_bits) + ", size " + std::to_string(recipe.size) + ", backing " +
               std::to_string(recipe.backing.value_or(0)) + ": " + to_string(operations));

  std::vector<std::shared_ptr<MemoryFile>> files;
  for (const ByteVector& disk : base.disks()) files.push_back(std::make_shared<MemoryFile>(disk, base.image()));
  Qcow2WriterSetup setup = setup_of(files[0], base.has_data_file() ? files[1] : nullptr, base.below());
  shrink_limits(setup, random);
  const auto writer = open_qcow2_writer(std::move(setup));
  ASSERT_TRUE(writer) << describe(writer.error());
  const auto performed = perform(operations, **writer);
  ASSERT_TRUE(performed) << describe(performed.error());

  std::vector<ByteVector> disks;
  for (const auto& file : files) disks.push_back(file->bytes());
  base.put(disks);
  ByteVector model = base.content();
  perform(operations, model);

  expect_no_leak(base.image());
  EXPECT_TRUE(same_bytes(model, qemu_bytes(base.image(), "qcow2")));
  const auto own = read_image(base.image());
  ASSERT_TRUE(own) << describe(own.error());
  EXPECT_TRUE(same_bytes(model, *own));
  if (recipe.options.find("data_file_raw") != std::string::npos) {
    disks[1].resize(model.size());
    EXPECT_TRUE(same_bytes(model, disks[1])) << "raw data file";
  }
  const KnownBitmaps bitmaps = perform(operations, base.bitmaps());
  EXPECT_EQ(difference(bitmaps, bitmaps_of(disks[0])).value_or(""), "");
  for (const KnownBitmap& known : bitmaps) {
    EXPECT_EQ(qemu_dirty_sectors(base.image(), known.bitmap.name), known.sectors) << known.bitmap.name;
  }
  const std::vector<ByteVector> snapshots = base.read_snapshots();
  for (std::size_t i = 0; i < snapshots.size(); ++i) {
    EXPECT_TRUE(same_bytes(base.snapshot_contents()[i], snapshots[i])) << "snapshot " << i;
  }
}

TEST(Qcow2WriterRandom, writes_what_qemu_reads_without_leaks) {
  const std::uint64_t seed = announced_seed();
  const char* const count_text = std::getenv("QCHAIN_CASES");
  const std::uint64_t count = count_text != nullptr ? std::strtoull(count_text, nullptr, 10) : 150;
  for (std::uint64_t i = 0; i < count && !testing::Test::HasFailure(); ++i) run_case(seed + i);
}

}  // namespace
}  // namespace qchain::test
