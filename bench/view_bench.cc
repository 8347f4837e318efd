#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "qcow/chain/raw_image.h"
#include "qcow/chain/view.h"
#include "qcow/commit/digest.h"
#include "qcow/storage/file_storage.h"
#include "qcow/verify/compare.h"
#include "tests/unit/chain/fake_image.h"

namespace qchain::test {
namespace {

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;
constexpr std::uint64_t size = 64 * mebibyte;

/// A raw image in a file without a name, all written, and so in the page cache.
SharedImage file_image() {
  std::string path = "/var/tmp/qchain-bench-XXXXXX";
  UniqueFd fd(::mkstemp(path.data()));
  ::unlink(path.c_str());
  const std::vector<std::byte> bytes(size, std::byte{'q'});
  if (!fd.valid() || ::write(fd.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) {
    return nullptr;
  }
  auto storage = FileStorage::adopt(std::move(fd), path);
  return storage ? std::make_shared<RawImage>(*std::move(storage)) : nullptr;
}

/// View::read of `state.range(0)` bytes, one after the other, of a file in the page cache.
void read_view(benchmark::State& state) {
  const SharedImage image = file_image();
  if (!image) {
    return state.SkipWithError("no file in /var/tmp");
  }
  const View view(slice_of({image}), ViewCaches{});
  std::vector<std::byte> buffer(static_cast<std::size_t>(state.range(0)));
  std::uint64_t offset = 0;
  for (auto _ : state) {
    if (!view.read(offset, buffer)) {
      state.SkipWithError("does not read");
      break;
    }
    offset = (offset + buffer.size()) % size;
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * state.range(0));
}
BENCHMARK(read_view)->Arg(4096)->Arg(65536)->Arg(mebibyte);

/// Two files in the page cache that are the same.
void compare_views(benchmark::State& state) {
  const SharedImage left = file_image();
  const SharedImage right = file_image();
  if (!left || !right) {
    return state.SkipWithError("no file in /var/tmp");
  }
  const View one(slice_of({left}), ViewCaches{});
  const View other(slice_of({right}), ViewCaches{});
  CompareOptions options;
  options.threads = static_cast<unsigned>(state.range(0));
  for (auto _ : state) {
    if (const auto found = compare(one, other, options); !found || !found->same()) {
      state.SkipWithError("they differ");
      break;
    }
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * size));
}
BENCHMARK(compare_views)->Arg(1)->Arg(4)->Unit(benchmark::kMillisecond)->UseRealTime();

void digest(benchmark::State& state) {
  const std::vector<std::byte> bytes(mebibyte, std::byte{'q'});
  for (auto _ : state) {
    MergedDigest digest;
    digest.note_data({0, bytes.size()});
    digest.add(0, bytes);
    benchmark::DoNotOptimize(digest.finish());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * bytes.size()));
}
BENCHMARK(digest);

}  // namespace
}  // namespace qchain::test
