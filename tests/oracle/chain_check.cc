#include "tests/oracle/chain_check.h"

#include "tests/oracle/command_check.h"
#include "tests/oracle/content_check.h"
#include "tests/oracle/map_check.h"
#include "tests/oracle/mismatch.h"
#include "tests/oracle/slice_copy.h"
#include "tests/support/qemu.h"
#include "tests/support/temp_dir.h"
#include "tests/support/views.h"

namespace qchain::test {
namespace {

constexpr std::uint64_t checker_salt = 0x9e3779b97f4a7c15;  // other numbers than those that made the chain

/// From "nothing stays in the cache" to "everything does".
ViewCaches random_caches(Random& random) {
  const std::size_t index = random.pick<std::size_t>({4096, 65536, std::size_t{8} << 20});
  return ViewCaches({.index = index, .clusters = random.pick<std::size_t>({0, 65536, std::size_t{8} << 20})});
}

class ChainCheck {
 public:
  ChainCheck(const MadeChain& made, std::uint64_t seed)
      : made_(made),
        random_(seed ^ checker_salt),
        caches_(random_caches(random_)),
        with_commands_(random_.chance(25)) {}

  void run() {
    for (std::size_t top = 0; top < made_.layers.size(); ++top) {
      check_top(top);
    }
    if (made_.layers.size() < 2) {
      return;
    }
    for (int left = 2; left > 0; --left) {
      check_slice();
    }
  }

 private:
  [[nodiscard]] Chain opened(std::size_t top) const {
    const ChainOptions options{.format = made_.layers[top].format == "raw" ? ImageFormat::raw : ImageFormat::qcow2};
    Result<Chain> chain = open_chain(made_.path(top), options);
    if (!chain) {
      disagree("layer " + std::to_string(top) + " does not open: " + describe(chain.error()));
    }
    if (chain->depth() != top + 1) {
      disagree("the chain has " + std::to_string(chain->depth()) + " layers");
    }
    return *std::move(chain);
  }

  void compare(const Slice& slice, const std::string& oracle) try {
    const std::string& format = made_.layers[slice.top].format;
    const std::optional<ByteVector> expected = try_qemu_bytes(oracle, format);
    const View view(slice, caches_);
    if (!expected) {
      // QEMU 7.2 can write what it can't read (compressed clusters among zero clusters): then neither may we.
      if (read_all(view)) {
        disagree("QEMU fails to read it");
      }
      return;
    }
    const std::vector<MapEntry> map = qemu_map(oracle, format);
    check_content(view, *expected, random_);
    check_map(view, check_index(view, random_), map);
    if (with_commands_) {
      const std::size_t active = slice.chain.depth() - 1;
      check_commands({made_.path(active), made_.layers[active].format, slice.base, slice.top, *expected, map});
    }
  } catch (const Mismatch& mismatch) {
    disagree("slice " + std::to_string(slice.base) + ".." + std::to_string(slice.top) + ": " + mismatch.what());
  }

  void check_top(std::size_t top) {
    const std::size_t opened_at = random_.chance(30) ? top : made_.layers.size() - 1;
    compare({opened(opened_at), 0, top}, made_.path(top));
  }

  void check_slice() {
    const std::size_t base = random_.between(1, made_.layers.size() - 1);
    const std::size_t top = random_.between(base, made_.layers.size() - 1);
    const TempDir folder;
    // Copied before the chain is opened: a copy may share a data file with it, and rebase wants that file's lock.
    const std::string copy = copy_slice(made_, base, top, folder.path());
    compare({opened(made_.layers.size() - 1), base, top}, copy);
  }

  const MadeChain& made_;
  Random random_;
  ViewCaches caches_;
  bool with_commands_;  ///< a share of the chains goes through the program too: it costs processes
};

}  // namespace

void check_chain(const MadeChain& chain, std::uint64_t seed) {
  ChainCheck(chain, seed).run();
}

}  // namespace qchain::test
