#include <benchmark/benchmark.h>

#include <filesystem>
#include <string>
#include <vector>

#include "qcow/chain/resolve.h"
#include "tests/support/qemu.h"
#include "tests/support/temp_dir.h"
#include "tests/support/views.h"
#include "tests/unit/chain/fake_image.h"

namespace qchain::test {
namespace {

constexpr std::uint64_t cluster = 65536;
constexpr std::uint64_t disk = 1024 * cluster;

/// Images made by QEMU: together they hold every cluster, each in one of them, spread over all.
class SpreadImages {
 public:
  explicit SpreadImages(std::size_t count) {
    for (std::size_t number = 0; number < count; ++number) {
      paths_.push_back(folder_ / (std::to_string(number) + ".qcow2"));
    }
    create_qcow2(paths_.front(), {.options = {}, .backing = {}, .backing_format = {}, .size = disk});
    for (std::size_t number = 1; number < count; ++number) {
      std::filesystem::copy_file(paths_.front(), paths_[number]);
    }
    qemu_io(paths_.front(), fill());
  }

  /// The images on top of each other; nothing if one does not open.
  [[nodiscard]] std::optional<Slice> open() const {
    std::vector<SharedImage> images;
    for (const std::string& path : paths_) {
      const Result<Chain> alone = open_chain(path);
      if (!alone) return std::nullopt;
      images.push_back(alone->layer(0).image);
    }
    return slice_of(std::move(images));
  }

 private:
  [[nodiscard]] std::vector<std::string> fill() const {
    std::vector<std::string> commands;
    for (std::size_t number = 0; number < paths_.size(); ++number) {
      if (number > 0) {
        commands.insert(commands.end(), {"close", "open -o driver=qcow2 " + paths_[number]});
      }
      for (std::uint64_t at = number * cluster; at < disk; at += paths_.size() * cluster) {
        commands.push_back("write -q -P 1 " + std::to_string(at) + " 64k");
      }
    }
    return commands;
  }

  TempDir folder_;
  std::vector<std::string> paths_;
};

/// Building the index from L2 tables in the page cache.
void build_index_of_tables(benchmark::State& state) {
  const SpreadImages images(static_cast<std::size_t>(state.range(0)));
  const auto slice = images.open();
  if (!slice) {
    return state.SkipWithError("an image does not open");
  }
  for (auto _ : state) {
    benchmark::DoNotOptimize(resolve(*slice, {0, disk}, SIZE_MAX));
  }
}
BENCHMARK(build_index_of_tables)->Arg(1)->Arg(10)->Arg(100)->Arg(1000)->Unit(benchmark::kMicrosecond);

/// Opening them: the header, and what else is looked at of each.
void open_images(benchmark::State& state) {
  const SpreadImages images(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    if (!images.open()) {
      state.SkipWithError("an image does not open");
      break;
    }
  }
}
BENCHMARK(open_images)->Arg(1)->Arg(100)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace qchain::test
