#include <benchmark/benchmark.h>
#include <zlib.h>
#include <zstd.h>

#include <random>
#include <vector>

#include "qcow/format/inflate.h"
#include "qcow/format/l2.h"

namespace qchain {
namespace {

constexpr std::uint64_t cluster_size = 65536;

/// The first cluster of a new image of 64 MiB, as qemu-img makes it. Offsets: qcow2 specification.
std::vector<std::byte> header_cluster() {
  std::vector<std::byte> bytes(cluster_size);
  const MutableBytes out(bytes);
  store_be<std::uint32_t>(out, 0, 0x514649fb);         // magic
  store_be<std::uint32_t>(out, 4, 3);                  // version
  store_be<std::uint32_t>(out, 20, 16);                // cluster bits
  store_be<std::uint64_t>(out, 24, 64 << 20);          // virtual size
  store_be<std::uint32_t>(out, 36, 1);                 // L1 entries
  store_be<std::uint64_t>(out, 40, 3 * cluster_size);  // L1 table
  store_be<std::uint64_t>(out, 48, cluster_size);      // refcount table
  store_be<std::uint32_t>(out, 56, 1);                 // its clusters
  store_be<std::uint32_t>(out, 96, 4);                 // refcount order
  store_be<std::uint32_t>(out, 100, 104);              // header length
  return bytes;
}

void parse_header_cluster(benchmark::State& state) {
  const auto bytes = header_cluster();
  for (auto _ : state) {
    if (const auto header = format::parse_header(bytes); !header) {
      state.SkipWithError(header.error().what.c_str());
      break;
    }
  }
}
BENCHMARK(parse_header_cluster);

void decode_plain_entries(benchmark::State& state) {
  const format::Header header;
  std::uint64_t entry = (std::uint64_t{1} << 63) | (std::uint64_t{7} << 16);
  for (auto _ : state) {
    benchmark::DoNotOptimize(format::decode_l2(header, entry, 0, 0));
    entry ^= std::uint64_t{1} << 20;
  }
}
BENCHMARK(decode_plain_entries);

/// Half of the subclusters here, half below: the most runs that a cluster can have.
void walk_subclusters(benchmark::State& state) {
  format::Header header;
  header.incompatible = static_cast<std::uint64_t>(format::Incompatible::extended_l2);
  const auto entry = format::decode_l2(header, std::uint64_t{7} << 16, 0x55555555, 0);
  for (auto _ : state) {
    for (std::uint32_t first = 0; first < format::subclusters_per_cluster;) {
      const auto run = format::subcluster_run(entry, first);
      benchmark::DoNotOptimize(run);
      first += run.count;
    }
  }
}
BENCHMARK(walk_subclusters);

/// Text-like bytes: words of a small vocabulary.
std::vector<std::byte> compressible(std::size_t size) {
  std::mt19937_64 random(1);
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<std::byte>('a' + (i % 7 == 0 ? random() % 26 : i % 5));
  }
  return bytes;
}

std::vector<std::byte> deflated(const std::vector<std::byte>& bytes) {
  std::vector<std::byte> packed(bytes.size() * 2);
  z_stream stream{};
  deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -12, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

void inflate_zlib_cluster(benchmark::State& state) {
  const auto packed = deflated(compressible(cluster_size));
  std::vector<std::byte> cluster(cluster_size);
  for (auto _ : state) {
    if (!format::inflate(format::CompressionType::zlib, packed, cluster)) {
      state.SkipWithError("does not inflate");
      break;
    }
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * cluster_size));
}
BENCHMARK(inflate_zlib_cluster);

void inflate_zstd_cluster(benchmark::State& state) {
  const auto bytes = compressible(cluster_size);
  std::vector<std::byte> packed(ZSTD_compressBound(bytes.size()));
  packed.resize(ZSTD_compress(packed.data(), packed.size(), bytes.data(), bytes.size(), ZSTD_CLEVEL_DEFAULT));
  std::vector<std::byte> cluster(cluster_size);
  for (auto _ : state) {
    if (!format::inflate(format::CompressionType::zstd, packed, cluster)) {
      state.SkipWithError("does not inflate");
      break;
    }
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * cluster_size));
}
BENCHMARK(inflate_zstd_cluster);

}  // namespace
}  // namespace qchain
