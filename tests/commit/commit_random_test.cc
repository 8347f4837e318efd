#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "tests/commit/run_commit.h"
#include "tests/oracle/random_chain.h"
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

/// One random chain, committed between a random base and top.
class RandomCommit {
 public:
  RandomCommit(const std::string& folder, std::uint64_t seed) : random_(seed), chain_(make_random_chain(folder, seed)) {
    if (chain_.layers.size() > 1) {
      base_ = chain_.layers[0].format == "raw" ? 0 : random_.below(chain_.layers.size() - 1);
      top_ = random_.between(base_ + 1, chain_.layers.size() - 1);
    }
  }

  [[nodiscard]] bool applies() const { return chain_.layers.size() > 1 && chain_.layers[base_].format == "raw"; }

  void commit_and_compare() {
    const std::string active = chain_.path(chain_.layers.size() - 1);
    const ByteVector active_before = qemu_bytes(active, format(chain_.layers.size() - 1));
    const ByteVector top_before = qemu_bytes(chain_.path(top_), format(top_));
    const ByteVector base_before = qemu_bytes(chain_.path(base_), format(base_));
    remember_the_others();

    auto request = request_for(active, std::to_string(base_ + 1), std::to_string(top_ + 1));
    request.plan.bitmaps = BitmapChoice::drop;
    const auto report = run_commit(request);
    ASSERT_TRUE(report) << describe(report.error());

    EXPECT_TRUE(same_bytes(active_before, qemu_bytes(active, format(chain_.layers.size() - 1))));
    compare_base(base_before, top_before, qemu_bytes(chain_.path(base_), format(base_)));
    compare_the_others();
  }

  [[nodiscard]] std::string story() const {
    std::string text = "base " + std::to_string(base_ + 1) + ", top " + std::to_string(top_ + 1) + "\n";
    for (const auto& line : chain_.recipe.lines()) {
      text += line + "\n";
    }
    return text;
  }

 private:
  [[nodiscard]] std::string format(std::size_t layer) const { return chain_.layers[layer].format; }

  /// The base reads as the top's view did; past a shorter view it is as it was.
  static void compare_base(ByteVector before, const ByteVector& view, const ByteVector& now) {
    before.resize(std::max(before.size(), view.size()));
    std::ranges::copy(view, before.begin());
    EXPECT_TRUE(same_bytes(before, now)) << "base";
  }

  void remember_the_others() {
    for (std::size_t i = 0; i < chain_.layers.size(); ++i) {
      if (i != base_ && i != top_ + 1) {
        others_[chain_.path(i)] = read_file(chain_.path(i));
      }
    }
  }

  void compare_the_others() {
    for (const auto& [path, bytes] : others_) {
      EXPECT_TRUE(same_bytes(bytes, read_file(path))) << path;
    }
    for (std::size_t i = top_ + 1; i < chain_.layers.size(); ++i) {
      EXPECT_TRUE(run({"qemu-img", "check", "-q", chain_.path(i)}).ok()) << chain_.path(i);
    }
  }

  Random random_;
  MadeChain chain_;
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
    ++committed;
    if (HasFailure()) {
      return;
    }
  }
  EXPECT_GT(committed, 0);
}

}  // namespace
}  // namespace qchain::test
