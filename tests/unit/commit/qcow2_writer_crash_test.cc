#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>

#include "base_case.h"
#include "qcow/chain/qcow2_image.h"
#include "tests/support/process.h"
#include "tests/support/qcow2_checker.h"
#include "tests/support/qemu.h"
#include "tests/support/recording_storage.h"
#include "tests/support/views.h"

namespace qchain::test {
namespace {

/// What a disk reads as, through our own engine: the base's own backing chain below it.
ByteVector read_disk(const format::Header& header, const std::vector<ByteVector>& disks,
                     const std::shared_ptr<const View>& below) {
  std::vector<SharedStorage> files;
  for (const ByteVector& disk : disks) files.push_back(std::make_shared<MemoryFile>(disk));
  const auto image = std::make_shared<Qcow2Image>(header, files[0], files.size() > 1 ? files[1] : nullptr);
  std::vector<Layer> layers;
  if (below) layers.push_back(below->slice().chain.layer(0));
  layers.push_back({"base", {}, image});
  const std::size_t top = layers.size() - 1;
  const auto bytes = read_all(View({Chain(std::move(layers)), 0, top}, ViewCaches()));
  if (!bytes) throw std::runtime_error(describe(bytes.error()));
  return *bytes;
}

format::Header header_of(const ByteVector& disk) {
  return setup_of(std::make_shared<MemoryFile>(disk), nullptr, nullptr).header;
}

/// All internal snapshots, each read as if it were the active state.
std::vector<ByteVector> read_snapshots(const std::vector<ByteVector>& disks, const std::shared_ptr<const View>& below) {
  const format::Header header = header_of(disks[0]);
  std::vector<ByteVector> contents;
  const auto snapshots = Qcow2Image(header, std::make_shared<MemoryFile>(disks[0]), nullptr).snapshots();
  for (const format::Snapshot& snapshot : snapshots.value()) {
    format::Header then = header;
    then.l1_offset = snapshot.l1_offset;
    then.l1_entries = snapshot.l1_entries;
    then.virtual_size = snapshot.virtual_size;
    contents.push_back(read_disk(then, disks, below));
  }
  return contents;
}

/// A base, the calls on it, and all that their order of writes and syncs must hold.
class CrashCase {
 public:
  CrashCase(const BaseRecipe& recipe, std::uint64_t seed)
      : random_(seed),
        base_(recipe, random_),
        operations_(random_operations(recipe, random_, !recipe.options.starts_with("compat=0.10"))) {
    start();
  }
  CrashCase(const BaseRecipe& recipe, Operations operations, std::uint64_t seed)
      : random_(seed), base_(recipe, random_), operations_(std::move(operations)) {
    start();
  }

  /// Makes the calls on recording storages.
  void record() {
    log_.clear();
    complete_ = run_on(before_, &log_);
  }
  /// When all is done.
  [[nodiscard]] std::uint32_t refcount_table_clusters() const {
    return header_of(complete_[0]).refcount_table_clusters;
  }
  void set_unknown_autoclear_bit() { before_[0][88] = std::byte{0x80}; }

  [[nodiscard]] std::vector<std::size_t> syncs() const {
    std::vector<std::size_t> indices;
    for (std::size_t i = 0; i < log_.size(); ++i) {
      if (log_[i].kind == LoggedStep::Kind::sync) indices.push_back(i);
    }
    return indices;
  }
  /// As if the code did not have this sync.
  void remove_step(std::size_t index) { log_.erase(log_.begin() + static_cast<std::ptrdiff_t>(index)); }

  /// Tries states of every moment from step `first` on: what is wrong with the first bad one, or nothing.
  std::optional<std::string> find_bad_state(std::size_t states_per_step, std::size_t first = 0, bool repeat = false) {
    CrashReplay replay(before_, log_);
    for (std::size_t step = 0; !replay.at_end(); ++step) {
      replay.advance();
      const std::size_t window = replay.unsynced();
      for (std::size_t i = 0; step >= first && i < states_per_step; ++i) {
        const std::vector<ByteVector> disks = replay.crash(fate_of(i, window), random_);
        ++states_;
        if (auto what = judge(disks, repeat && random_.chance(10)))
          return "step " + std::to_string(step) + ": " + *what;
      }
    }
    return judge_complete(replay, states_per_step);
  }

  [[nodiscard]] std::size_t states() const noexcept { return states_; }
  [[nodiscard]] const Operations& operations() const noexcept { return operations_; }
  void let_qemu_check(unsigned percent) noexcept { qemu_percent_ = percent; }

 private:
  void start() {
    before_ = base_.disks();
    model_ = base_.content();
    perform(operations_, model_);
    touched_.resize(model_.size());
    for (const Operation& operation : operations_) {
      if (operation.kind == Operation::Kind::grow) continue;
      std::fill_n(touched_.begin() + static_cast<std::ptrdiff_t>(operation.range.start), operation.range.length, true);
    }
    snapshots_ = read_snapshots(before_, base_.below());
    bitmaps_ = perform(operations_, base_.bitmaps());
    grows_ = std::ranges::any_of(operations_, [](const auto& call) { return call.kind == Operation::Kind::grow; });
  }

  /// Everything kept, everything lost, one lost, one kept, then any part.
  std::function<Fate(std::size_t)> fate_of(std::size_t state, std::size_t window) {
    const std::size_t one = window == 0 ? 0 : random_.below(window);
    switch (state % 6) {
      case 0:
        return [](std::size_t) { return Fate::kept; };
      case 1:
        return [one](std::size_t i) { return i == one ? Fate::lost : Fate::kept; };
      case 2:
        return [one](std::size_t i) { return i == one ? Fate::kept : Fate::lost; };
      case 3:
        return [one](std::size_t i) { return i == one ? Fate::torn : Fate::kept; };
      default:
        return [this](std::size_t) { return random_.pick<Fate>({Fate::kept, Fate::lost, Fate::torn}); };
    }
  }

  /// Runs the calls on copies of `disks`; the disks afterwards.
  std::vector<ByteVector> run_on(const std::vector<ByteVector>& disks, WriteLog* log) {
    std::vector<std::shared_ptr<MemoryFile>> files;
    std::vector<SharedWritable> storages;
    for (const ByteVector& disk : disks) {
      files.push_back(std::make_shared<MemoryFile>(disk));
      storages.push_back(files.back());
      if (log != nullptr) storages.back() = std::make_shared<RecordingStorage>(files.back(), files.size() - 1, *log);
    }
    Qcow2WriterSetup setup = setup_of(storages[0], storages.size() > 1 ? storages[1] : nullptr, base_.below());
    setup.table_budget = 0;
    setup.data_per_checkpoint = 50000;
    setup.own_bitmaps.emplace();  // all are consistent at first
    for (const KnownBitmap& known : base_.bitmaps()) setup.own_bitmaps->insert(known.bitmap.name);
    const auto writer = open_qcow2_writer(std::move(setup));
    if (!writer) throw std::runtime_error(describe(writer.error()));
    if (const auto done = perform(operations_, **writer); !done) throw std::runtime_error(describe(done.error()));
    std::vector<ByteVector> after;
    for (const auto& file : files) after.push_back(file->bytes());
    return after;
  }

  std::optional<std::string> judge(const std::vector<ByteVector>& disks, bool repeat) {
    const CheckResult check = check_qcow2(disks[0]);
    if (!check.corruptions.empty()) return check.corruptions.front();
    if (const auto what = judge_flags(disks)) return what;
    const ByteVector content = read_disk(header_of(disks[0]), disks, base_.below());
    if (const auto what = judge_content(content)) return what;
    if (const auto what = judge_bitmaps(bitmaps_of(disks[0]), content)) return what;
    if (read_snapshots(disks, base_.below()) != snapshots_) return "a snapshot has changed";
    if (random_.chance(qemu_percent_)) {
      if (const auto what = judge_by_qemu(disks, check)) return what;
    }
    return repeat ? judge_repetition(disks) : std::nullopt;
  }

  /// No change with an unknown autoclear bit still set.
  std::optional<std::string> judge_flags(const std::vector<ByteVector>& disks) const {
    const bool is_set = (header_of(disks[0]).autoclear & ~std::uint64_t{3}) != 0;
    return is_set && disks != before_ ? std::optional<std::string>("written with an unknown autoclear bit set")
                                      : std::nullopt;
  }

  /// What no call touches reads as before, or, past the old end, as zeros.
  std::optional<std::string> judge_content(const ByteVector& content) const {
    for (std::size_t i = 0; i < content.size(); ++i) {
      if (!touched_[i] && content[i] != model_[i]) return "guest byte " + std::to_string(i) + " has changed";
    }
    return std::nullopt;
  }

  /// A bitmap is in use, or has all that has changed and nothing that no call was about.
  std::optional<std::string> judge_bitmaps(KnownBitmaps now, const ByteVector& content) const {
    if (now.size() != bitmaps_.size()) return "a bitmap is lost";
    DirtySectors changed(model_.size() / 512);
    for (std::size_t i = 0; i < content.size(); ++i) {
      const std::byte before = i < base_.content().size() ? base_.content()[i] : std::byte{0};
      if (content[i] != before) changed[i / 512] = true;
    }
    for (std::size_t i = 0; i < now.size(); ++i) {
      const KnownBitmap& before = base_.bitmaps()[i];
      DirtySectors old = before.sectors;
      old.resize(changed.size());
      now[i].sectors.resize(changed.size());
      const std::string name = "bitmap '" + now[i].bitmap.name + "' ";
      if (now[i].bitmap.inconsistent) {
        if (!before.records() && !grows_) return name + "is in use without reason";
        continue;
      }
      if (!is_within(old, now[i].sectors)) return name + "has lost bits";
      if (before.records() && !is_within(changed, now[i].sectors)) return name + "does not have what has changed";
      if (!is_within(now[i].sectors, bitmaps_[i].sectors)) return name + "has bits that nothing was about";
    }
    return std::nullopt;
  }

  std::optional<std::string> judge_by_qemu(const std::vector<ByteVector>& disks, const CheckResult& check) const {
    base_.put(disks);
    const ProcessResult qemu = run({"qemu-img", "check", "-f", "qcow2", base_.image()});
    const int expected = check.leaks == 0 ? 0 : 3;
    return qemu.status == expected ? std::nullopt : std::optional<std::string>(qemu.out + qemu.err);
  }

  std::optional<std::string> judge_repetition(const std::vector<ByteVector>& disks) {
    const std::vector<ByteVector> after = run_on(disks, nullptr);
    const CheckResult check = check_qcow2(after[0]);
    if (!check.corruptions.empty()) return "repeated: " + check.corruptions.front();
    if (read_disk(header_of(after[0]), after, base_.below()) != model_) return "repeated: wrong content";
    if (read_snapshots(after, base_.below()) != snapshots_) return "repeated: a snapshot has changed";
    if (const auto what = difference(bitmaps_, bitmaps_of(after[0]))) return "repeated: " + *what;
    return std::nullopt;
  }

  /// After the last flush nothing may be lost any more.
  std::optional<std::string> judge_complete(const CrashReplay& replay, std::size_t states) {
    for (std::size_t i = 0; i < states; ++i) {
      const std::vector<ByteVector> disks = replay.crash(fate_of(i, replay.unsynced()), random_);
      if (read_disk(header_of(disks[0]), disks, base_.below()) != model_) return "flushed bytes are lost";
      if (check_qcow2(disks[0]).leaks != 0) return "clusters leak after a flush";
      if (const auto what = difference(bitmaps_, bitmaps_of(disks[0]))) return *what + " after a flush";
    }
    return std::nullopt;
  }

  Random random_;
  BaseCase base_;
  Operations operations_;
  WriteLog log_;
  std::vector<ByteVector> before_;
  std::vector<ByteVector> complete_;
  ByteVector model_;           ///< guest bytes when all is done
  std::vector<bool> touched_;  ///< by guest byte: some call changes it
  std::vector<ByteVector> snapshots_;
  KnownBitmaps bitmaps_;  ///< when all is done
  bool grows_ = false;
  unsigned qemu_percent_ = 0;
  std::size_t states_ = 0;
};

std::uint64_t wanted_cases(std::uint64_t usual) {
  const char* const text = std::getenv("QCHAIN_CASES");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : usual;
}

/// Small disks: a state is checked in a millisecond.
BaseRecipe small_recipe(Random& random) {
  BaseRecipe recipe = random_recipe(random);
  recipe.cluster_bits = std::min(recipe.cluster_bits, recipe.options.find("extended") != std::string::npos ? 14U : 12U);
  recipe.size = 512 * random.between(1, 300);
  if (recipe.backing) recipe.backing = recipe.size * 2;
  return recipe;
}

TEST(Qcow2WriterCrash, any_crash_leaves_leaks_at_most_and_the_rest_of_the_disk_intact) {
  const std::uint64_t seed = announced_seed();
  std::size_t states = 0;
  for (std::uint64_t i = 0; i < wanted_cases(30) && !HasFailure(); ++i) {
    Random random(seed + i);
    CrashCase crash(small_recipe(random), seed + i);
    SCOPED_TRACE("case " + std::to_string(seed + i) + ": " + to_string(crash.operations()));
    crash.let_qemu_check(1);
    crash.record();
    const auto bad = crash.find_bad_state(12, 0, true);
    EXPECT_FALSE(bad) << *bad;
    states += crash.states();
  }
  std::printf("crash states tried: %zu\n", states);
}

/// For a case: each sync that can be left out without any bad state to be found.
void expect_every_sync_needed(CrashCase& crash) {
  crash.record();
  ASSERT_FALSE(crash.find_bad_state(20));
  for (const std::size_t index : crash.syncs()) {
    crash.record();
    crash.remove_step(index);
    EXPECT_TRUE(crash.find_bad_state(60, index)) << "the sync at step " << index << " may as well be left out";
  }
}

TEST(Qcow2WriterCrash, every_sync_of_replaced_clusters_growth_and_autoclear_bits_is_needed) {
  using enum Operation::Kind;
  // New refcount blocks, a new L1 table, and clusters that snapshots share.
  const BaseRecipe recipe{.cluster_bits = 9,
                          .size = 100 << 10,
                          .options = "compat=1.1,refcount_bits=64",
                          .backing = 300 << 10,
                          .has_snapshots = true};
  CrashCase crash(
      recipe, {{grow, {0, 160 << 10}, 0}, {write, {700, 50 << 10}, 1}, {zero, {200, 30 << 10}, 2}, {flush, {}, 0}}, 7);
  crash.set_unknown_autoclear_bit();
  expect_every_sync_needed(crash);
}

TEST(Qcow2WriterCrash, a_crash_around_the_switch_to_a_larger_refcount_table_leaves_leaks_at_most) {
  using enum Operation::Kind;
  // One cluster of table counts 2 MiB of file here, of which all but a little is taken.
  const BaseRecipe recipe{.cluster_bits = 9,
                          .size = 1900 << 10,
                          .options = "compat=1.1,refcount_bits=64,preallocation=metadata",
                          .backing = {}};
  CrashCase crash(recipe, {{grow, {0, 2100 << 10}, 0}, {write, {1901 << 10, 150 << 10}, 1}}, 7);
  crash.let_qemu_check(3);
  crash.record();
  const auto bad = crash.find_bad_state(6);
  EXPECT_FALSE(bad) << *bad;
  EXPECT_GT(crash.refcount_table_clusters(), 1U);
}

TEST(Qcow2WriterCrash, every_sync_of_a_recording_bitmap_is_needed) {
  using enum Operation::Kind;
  // All is written in place: the bitmap alone needs the syncs.
  const BaseRecipe recipe{.cluster_bits = 9,
                          .size = 20 << 10,
                          .options = "compat=1.1,preallocation=metadata",
                          .backing = {},
                          .bitmaps = BaseRecipe::Bitmaps::clean};
  CrashCase crash(recipe, {{write, {9 << 10, 2 << 10}, 2}}, 7);
  expect_every_sync_needed(crash);
}

TEST(Qcow2WriterCrash, a_crash_while_bitmaps_grow_with_the_disk_leaves_none_wrong) {
  using enum Operation::Kind;
  // A cluster of bits covers 2 MiB.
  const BaseRecipe recipe{.cluster_bits = 9,
                          .size = 2040 << 10,
                          .options = "compat=1.1",
                          .backing = {},
                          .bitmaps = BaseRecipe::Bitmaps::random};
  CrashCase crash(recipe, {{grow, {0, 2100 << 10}, 0}, {write, {2030 << 10, 50 << 10}, 1}}, 7);
  crash.let_qemu_check(3);
  crash.record();
  const auto bad = crash.find_bad_state(6, 0, true);
  EXPECT_FALSE(bad) << *bad;
}

TEST(Qcow2WriterCrash, every_sync_with_an_external_data_file_is_needed) {
  using enum Operation::Kind;
  const BaseRecipe recipe{
      .cluster_bits = 12, .size = 100 << 10, .options = "compat=1.1", .backing = 300 << 10, .has_data_file = true};
  CrashCase crash(recipe, {{grow, {0, 260 << 10}, 0}, {write, {700, 90 << 10}, 1}}, 7);
  expect_every_sync_needed(crash);
}

}  // namespace
}  // namespace qchain::test
