#include <gtest/gtest.h>

#include <bit>
#include <cstdlib>
#include <map>
#include <stdexcept>

#include "qcow/snapshot/snapshot.h"
#include "tests/commit/run_commit.h"
#include "tests/oracle/random_chain.h"
#include "tests/support/dirty_sectors.h"
#include "tests/support/files.h"
#include "tests/support/qemu.h"
#include "tests/support/seed.h"
#include "tests/support/temp_dir.h"
#include "tests/support/views.h"

namespace qchain::test {
namespace {

int rounds() {
  const char* given = std::getenv("QCHAIN_COMMITS");  // NOLINT(concurrency-mt-unsafe): no other thread yet
  return given != nullptr ? std::atoi(given) : 40;
}

/// Some overlays are qchain's own.
void make_overlay(const OverlayWish& wish) {
  const auto report = take_snapshot({.image = wish.image,
                                     .format = wish.image_format == "raw" ? ImageFormat::raw : ImageFormat::qcow2,
                                     .overlay = wish.overlay,
                                     .size = wish.size,
                                     .cluster_bits = static_cast<std::uint32_t>(std::countr_zero(wish.cluster))});
  if (!report) {
    throw std::runtime_error(describe(report.error()));
  }
}

/// One random chain, committed between a random base and top.
class RandomCommit {
 public:
  RandomCommit(const std::string& folder, std::uint64_t seed)
      : random_(seed), chain_(make_random_chain(folder, seed, make_overlay)) {
    if (chain_.layers.size() > 1) {
      base_ = random_.below(chain_.layers.size() - 1);
      top_ = random_.between(base_ + 1, chain_.layers.size() - 1);
    }
  }

  /// There is something to merge, and QEMU can say what it means: of an image that was cut off in the middle of a
  /// write it may not be able to.
  [[nodiscard]] bool applies() const {
    return chain_.layers.size() > 1 && qemu_reads(base_) && qemu_reads(top_) && qemu_reads(chain_.layers.size() - 1);
  }

  void commit_and_compare() {
    delete_snapshots();
    const std::string active = chain_.path(chain_.layers.size() - 1);
    const ByteVector active_before = qemu_bytes(active, format(chain_.layers.size() - 1));
    const ByteVector top_before = qemu_bytes(chain_.path(top_), format(top_));
    const ByteVector base_before = qemu_bytes(chain_.path(base_), format(base_));
    remember_the_others();

    auto request = request_for(active, std::to_string(base_ + 1), std::to_string(top_ + 1));
    request.plan.bitmaps = random_.pick<BitmapChoice>({BitmapChoice::drop, BitmapChoice::merge});
    const auto report = run_commit(request);
    if (!report && (is_named_refusal(report.error()) || is_broken_by_qemu(report.error()))) {
      EXPECT_TRUE(same_bytes(base_before, qemu_bytes(chain_.path(base_), format(base_))));
      return;
    }
    ASSERT_TRUE(report) << describe(report.error());
    committed_ = true;

    EXPECT_TRUE(same_bytes(active_before, qemu_bytes(active, format(chain_.layers.size() - 1))));
    compare_base(base_before, top_before, qemu_bytes(chain_.path(base_), format(base_)));
    compare_bitmaps(base_before, report->record);
    compare_the_others();
    compare_space(report->record);
  }

  [[nodiscard]] bool committed() const { return committed_; }

  [[nodiscard]] std::string story() const {
    std::string text = "base " + std::to_string(base_ + 1) + ", top " + std::to_string(top_ + 1) + "\n";
    for (const auto& line : chain_.recipe.lines()) {
      text += line + "\n";
    }
    return text;
  }

 private:
  [[nodiscard]] std::string format(std::size_t layer) const { return chain_.layers[layer].format; }
  [[nodiscard]] bool qemu_reads(std::size_t layer) const {
    return try_qemu_bytes(chain_.path(layer), format(layer)).has_value();
  }

  /// The base reads as the top's view did. Past a shorter view it is as it was, or zeros as far as an overlay looks.
  void compare_base(ByteVector before, const ByteVector& view, const ByteVector& now) const {
    before.resize(std::max(before.size(), view.size()));
    if (top_ + 1 < chain_.layers.size()) {
      const std::size_t seen = std::min<std::size_t>(before.size(), active_size_of(top_ + 1));
      std::fill(before.begin() + static_cast<std::ptrdiff_t>(std::min(view.size(), seen)),
                before.begin() + static_cast<std::ptrdiff_t>(seen), std::byte{0});
    }
    std::ranges::copy(view, before.begin());
    EXPECT_TRUE(same_bytes(before, now)) << "base";
  }

  /// The base's recording bitmaps have all that has changed, and none is left in use.
  void compare_bitmaps(ByteVector before, const CommitRecord& record) const {
    if (record.bitmaps.empty()) {
      return;
    }
    const ByteVector now = qemu_bytes(chain_.path(base_), format(base_));
    before.resize(now.size());
    DirtySectors changed(now.size() / 512);
    for (std::size_t i = 0; i < now.size(); ++i) {
      changed[i / 512] = changed[i / 512] || now[i] != before[i];
    }
    for (const RecordedBitmap& bitmap : record.bitmaps) {
      if (bitmap.file == record.base.path && bitmap.fate == BitmapFate::updated) {
        EXPECT_TRUE(is_within(changed, qemu_dirty_sectors(chain_.path(base_), bitmap.name))) << bitmap.name;
      } else if (bitmap.fate == BitmapFate::merged) {
        EXPECT_TRUE(is_within(dirty_part(bitmap), qemu_dirty_sectors(chain_.path(base_), bitmap.name))) << bitmap.name;
      }
    }
  }

  /// What a merged layer's bitmap calls dirty of the base's disk.
  [[nodiscard]] DirtySectors dirty_part(const RecordedBitmap& bitmap) const {
    DirtySectors sectors = dirty_sectors(bitmap.file, bitmap.name);
    sectors.resize(qemu_bytes(chain_.path(base_), format(base_)).size() / 512);
    return sectors;
  }

  [[nodiscard]] std::uint64_t active_size_of(std::size_t layer) const {
    return qemu_bytes(chain_.path(layer), format(layer)).size();
  }

  static bool is_clean(const std::string& path) { return run({"qemu-img", "check", "-q", "-U", path}).ok(); }

  /// Those of the layers to merge, which would be lost, so that the commit would be refused.
  void delete_snapshots() {
    for (std::size_t i = base_ + 1; i <= top_; ++i) {
      if (format(i) == "qcow2") {
        static_cast<void>(run({"qemu-img", "snapshot", "-q", "-d", "before lunch", chain_.path(i)}));  // if it has it
      }
    }
  }

  void remember_the_others() {
    for (std::size_t i = 0; i < chain_.layers.size(); ++i) {
      if (format(i) == "qcow2" && is_clean(chain_.path(i))) {
        clean_.push_back(chain_.path(i));
      }
    }
    for (std::size_t i = 0; i < chain_.layers.size(); ++i) {
      if (i != base_ && i != top_ + 1) {
        others_[chain_.path(i)] = read_file(chain_.path(i));
      }
    }
  }

  /// The forecast is an upper bound; the file system's own blocks for a file in many pieces come on top.
  static void compare_space(const CommitRecord& record) {
    if (record.new_bytes) {
      EXPECT_LE(*record.new_bytes, record.new_bytes_forecast + (16 << 10));
    }
  }

  void compare_the_others() {
    for (const auto& [path, bytes] : others_) {
      EXPECT_TRUE(same_bytes(bytes, read_file(path))) << path;
    }
    for (const std::string& path : clean_) {
      EXPECT_TRUE(is_clean(path)) << path;
    }
  }

  /// Compressed writes of QEMU 7.2 leave clusters that claim to be alone where they are not, and QEMU says so.
  [[nodiscard]] bool is_broken_by_qemu(const Error& error) const {
    return error.what.contains("errors in its metadata") && !is_clean(chain_.path(base_));
  }

  /// What the writer of a qcow2 base does not do, and says so; and an image that QEMU broke while it was made.
  static bool is_named_refusal(const Error& error) {
    return error.what.contains("internal snapshot, which would read wrong") ||  // that QEMU could not delete
           error.what.contains("is marked dirty") || error.what.contains("cannot be merged into a raw base") ||
           error.what.contains("a version 2 image has no bitmaps") || error.what.contains("is marked corrupt") ||
           error.what.contains("is inconsistent and cannot be merged") ||  // qemu-io was aborted in the middle
           error.what.contains("internal snapshots together with an external data file") ||
           error.what.contains("a version 2 image with internal snapshots cannot grow");
  }

  Random random_;
  MadeChain chain_;
  bool committed_ = false;
  std::vector<std::string> clean_;  ///< images without errors and leaks before: they must stay so
  std::size_t base_ = 0;
  std::size_t top_ = 0;
  std::map<std::string, ByteVector> others_;
};

TEST(RandomCommits, LeaveTheActiveViewAndGiveTheBaseTheViewOfTheTop) {
  const std::uint64_t seed = announced_seed();
  int committed = 0;
  for (int round = 0; round < rounds(); ++round) {
    TempDir dir;
    RandomCommit random(dir.path(), seed + static_cast<std::uint64_t>(round));
    if (!random.applies()) {
      continue;
    }
    SCOPED_TRACE("QCHAIN_SEED=" + std::to_string(seed + static_cast<std::uint64_t>(round)) + "\n" + random.story());
    random.commit_and_compare();
    committed += random.committed() ? 1 : 0;
    if (HasFailure()) {
      return;
    }
  }
  EXPECT_GT(committed, rounds() / 4) << "most chains must be committed, not refused";
}

}  // namespace
}  // namespace qchain::test
