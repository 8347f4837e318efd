// Compressed clusters, with streams made by zlib and libzstd themselves. The verdicts are QEMU's.
#include "qcow/format/inflate.h"

#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <thread>
#include <vector>

namespace qchain::test {
namespace {

using format::CompressionType;
using ByteVector = std::vector<std::byte>;

constexpr std::size_t cluster_size = 65536;

/// Bytes that compress, but not to nothing: a short cycle, disturbed every few bytes.
ByteVector sample(std::size_t size) {
  ByteVector bytes(size);
  std::uint32_t state = 12345;
  for (std::size_t i = 0; i < size; ++i) {
    state = state * 1664525 + 1013904223;
    bytes[i] = static_cast<std::byte>(i % 7 == 0 ? state >> 24 : i % 50);
  }
  return bytes;
}

ByteVector deflated(Bytes data, int window_bits = -12, int flush = Z_FINISH) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
  ByteVector packed(deflateBound(&stream, data.size()) + 64);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(data.data()));
  stream.avail_in = static_cast<uInt>(data.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  EXPECT_GE(::deflate(&stream, flush), Z_OK);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

ByteVector zstd_frame(Bytes data) {
  ByteVector packed(ZSTD_compressBound(data.size()));
  packed.resize(ZSTD_compress(packed.data(), packed.size(), data.data(), data.size(), 3));
  return packed;
}

ByteVector joined(ByteVector first, const ByteVector& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

ByteVector with_junk(ByteVector packed) {
  packed.resize(packed.size() + 300, std::byte{0xaa});
  return packed;
}

/// Inflates into a cluster that is not zero before, so that bytes left out are seen.
testing::AssertionResult inflates_to(CompressionType type, const ByteVector& packed, const ByteVector& expected) {
  ByteVector cluster(cluster_size, std::byte{0xcc});
  if (const auto result = format::inflate(type, packed, cluster); !result) {
    return testing::AssertionFailure() << result.error().what;
  }
  const auto end = static_cast<std::ptrdiff_t>(cluster_size);
  if (!std::equal(cluster.begin(), cluster.end(), expected.begin(), expected.begin() + end)) {
    return testing::AssertionFailure() << "other bytes";
  }
  return testing::AssertionSuccess();
}

testing::AssertionResult is_bad(CompressionType type, const ByteVector& packed) {
  ByteVector cluster(cluster_size);
  const auto result = format::inflate(type, packed, cluster);
  if (result) {
    return testing::AssertionFailure() << "it inflated";
  }
  return result.error().kind == ErrorKind::corrupt ? testing::AssertionSuccess()
                                                   : testing::AssertionFailure() << result.error().what;
}

TEST(InflateZlib, WholeCluster) {
  const auto data = sample(cluster_size);
  EXPECT_TRUE(inflates_to(CompressionType::zlib, deflated(data), data));
}

TEST(InflateZlib, Zeros) {
  const ByteVector data(cluster_size);
  EXPECT_TRUE(inflates_to(CompressionType::zlib, deflated(data), data));
}

TEST(InflateZlib, Case9_BytesAfterTheStreamDoNotMatter) {
  const auto data = sample(cluster_size);
  EXPECT_TRUE(inflates_to(CompressionType::zlib, with_junk(deflated(data)), data));
}

TEST(InflateZlib, StreamWithoutItsEndIsGoodOnceTheClusterIsFull) {
  const auto data = sample(cluster_size);
  EXPECT_TRUE(inflates_to(CompressionType::zlib, deflated(data, -12, Z_SYNC_FLUSH), data));
}

TEST(InflateZlib, StreamWithoutItsEndIsGoodWithJunkAfterIt) {
  const auto data = sample(cluster_size);
  EXPECT_TRUE(inflates_to(CompressionType::zlib, with_junk(deflated(data, -12, Z_SYNC_FLUSH)), data));
}

TEST(InflateZlib, StreamOfMoreThanAClusterGivesItsBeginning) {
  const auto data = sample(2 * cluster_size);
  EXPECT_TRUE(inflates_to(CompressionType::zlib, deflated(data), data));
}

TEST(InflateZlib, DistancesPastTheWindowAreGoodInsideTheCluster) {
  // QEMU writes with a window of 4 KiB; the inflater has the whole cluster as its window.
  ByteVector data = sample(20000);
  data.resize(cluster_size);
  std::copy_n(data.begin(), 20000, data.begin() + 20000);
  EXPECT_TRUE(inflates_to(CompressionType::zlib, deflated(data, -15), data));
}

TEST(InflateZlib, StreamOfLessThanAClusterIsBad) {
  EXPECT_TRUE(is_bad(CompressionType::zlib, deflated(sample(cluster_size - 1))));
}

TEST(InflateZlib, CutStreamIsBad) {
  auto packed = deflated(sample(cluster_size));
  packed.resize(packed.size() / 2);
  EXPECT_TRUE(is_bad(CompressionType::zlib, packed));
}

TEST(InflateZlib, CorruptStreamIsBad) {
  auto packed = deflated(sample(cluster_size));
  packed[0] = std::byte{0xff};  // a block type that does not exist
  EXPECT_TRUE(is_bad(CompressionType::zlib, packed));
}

TEST(InflateZlib, StreamWithAZlibHeaderIsBad) {
  EXPECT_TRUE(is_bad(CompressionType::zlib, deflated(sample(cluster_size), 12)));
}

TEST(InflateZlib, NoBytesAreBad) {
  EXPECT_TRUE(is_bad(CompressionType::zlib, {}));
}

TEST(InflateZlib, SecondStreamIsNotLookedAt) {
  const auto half = deflated(sample(cluster_size / 2));
  EXPECT_TRUE(is_bad(CompressionType::zlib, joined(half, half)));
}

TEST(InflateZstd, WholeCluster) {
  const auto data = sample(cluster_size);
  EXPECT_TRUE(inflates_to(CompressionType::zstd, zstd_frame(data), data));
}

TEST(InflateZstd, Case11_BytesAfterTheFrameDoNotMatter) {
  const auto data = sample(cluster_size);
  EXPECT_TRUE(inflates_to(CompressionType::zstd, with_junk(zstd_frame(data)), data));
}

TEST(InflateZstd, Case11_SeveralFramesMakeACluster) {
  const auto data = sample(cluster_size);
  const auto packed = joined(zstd_frame(Bytes(data).first(1000)), zstd_frame(Bytes(data).subspan(1000)));
  EXPECT_TRUE(inflates_to(CompressionType::zstd, with_junk(packed), data));
}

TEST(InflateZstd, Case11_EmptyFrameBetweenIsGood) {
  const auto data = sample(cluster_size);
  const auto first = joined(zstd_frame(Bytes(data).first(1000)), zstd_frame({}));
  EXPECT_TRUE(inflates_to(CompressionType::zstd, joined(first, zstd_frame(Bytes(data).subspan(1000))), data));
}

TEST(InflateZstd, FrameOfMoreThanAClusterIsBad) {
  EXPECT_TRUE(is_bad(CompressionType::zstd, zstd_frame(sample(cluster_size + 1))));
}

TEST(InflateZstd, SecondFrameThatPassesTheClusterIsBad) {
  const auto data = sample(cluster_size);
  EXPECT_TRUE(is_bad(CompressionType::zstd, joined(zstd_frame(Bytes(data).first(1000)), zstd_frame(data))));
}

TEST(InflateZstd, FrameOfLessThanAClusterIsBad) {
  EXPECT_TRUE(is_bad(CompressionType::zstd, zstd_frame(sample(cluster_size - 1))));
}

TEST(InflateZstd, FrameCutByOneByteIsBad) {
  auto packed = zstd_frame(sample(cluster_size));
  packed.pop_back();
  EXPECT_TRUE(is_bad(CompressionType::zstd, packed));
}

TEST(InflateZstd, CorruptMagicIsBad) {
  auto packed = zstd_frame(sample(cluster_size));
  packed[0] ^= std::byte{1};
  EXPECT_TRUE(is_bad(CompressionType::zstd, packed));
}

TEST(InflateZstd, NoBytesAreBad) {
  EXPECT_TRUE(is_bad(CompressionType::zstd, {}));
}

TEST(Inflate, TypesAreNotMixedUp) {
  const auto data = sample(cluster_size);
  EXPECT_TRUE(is_bad(CompressionType::zstd, deflated(data)));
  EXPECT_TRUE(is_bad(CompressionType::zlib, zstd_frame(data)));
}

TEST(Inflate, ABadStreamDoesNotSpoilTheNext) {
  const auto data = sample(cluster_size);
  auto cut = zstd_frame(data);
  cut.resize(cut.size() / 2);
  ASSERT_TRUE(is_bad(CompressionType::zstd, cut));
  EXPECT_TRUE(inflates_to(CompressionType::zstd, zstd_frame(data), data));
}

TEST(Inflate, ThreadsDoNotDisturbEachOther) {
  const auto data = sample(cluster_size);
  const auto zlib = deflated(data);
  const auto zstd = zstd_frame(data);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 20; ++round) {
        EXPECT_TRUE(inflates_to(CompressionType::zlib, zlib, data));
        EXPECT_TRUE(inflates_to(CompressionType::zstd, zstd, data));
      }
    });
  }
}

}  // namespace
}  // namespace qchain::test
