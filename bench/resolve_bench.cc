#include <benchmark/benchmark.h>

#include <vector>

#include "qcow/chain/resolve.h"
#include "qcow/chain/view.h"
#include "tests/unit/chain/fake_image.h"

namespace qchain::test {
namespace {

constexpr std::uint64_t cluster = 65536;
constexpr std::uint64_t disk = 1024 * cluster;

/// The same content whatever the depth: each cluster is in exactly one layer, spread over all of them.
Slice spread_over(std::size_t layers) {
  std::vector<SharedImage> images;
  for (std::size_t layer = 0; layer < layers; ++layer) {
    Extents extents;
    for (std::uint64_t i = layer; i < disk / cluster; i += layers) {
      extents.push_back({.start = i * cluster, .length = cluster, .offset = 0, .kind = ExtentKind::data});
    }
    images.push_back(std::make_shared<FakeImage>(disk, std::move(extents), std::vector<std::byte>(cluster)));
  }
  return slice_of(std::move(images));
}

void build_index(benchmark::State& state) {
  const Slice slice = spread_over(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    benchmark::DoNotOptimize(resolve(slice, {0, disk}, SIZE_MAX));
  }
}
BENCHMARK(build_index)->Arg(1)->Arg(10)->Arg(100)->Arg(1000)->Unit(benchmark::kMicrosecond);

void look_up_extent(benchmark::State& state) {
  const View view(spread_over(static_cast<std::size_t>(state.range(0))), ViewCaches{});
  std::uint64_t offset = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(view.extent_at(offset));
    offset = (offset + 37 * cluster + 512) % disk;
  }
}
BENCHMARK(look_up_extent)->Arg(1)->Arg(10)->Arg(100)->Arg(1000);

void read_4k(benchmark::State& state) {
  const View view(spread_over(static_cast<std::size_t>(state.range(0))), ViewCaches{});
  std::vector<std::byte> buffer(4096);
  std::uint64_t offset = 0;
  for (auto _ : state) {
    if (!view.read(offset, buffer)) {
      state.SkipWithError("does not read");
      break;
    }
    offset = (offset + 37 * cluster + 4096) % disk;
  }
}
BENCHMARK(read_4k)->Arg(1)->Arg(1000);

}  // namespace
}  // namespace qchain::test
