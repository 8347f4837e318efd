#include <fcntl.h>
#include <gtest/gtest.h>
#include <seccomp.h>

#include <cerrno>
#include <thread>

#include "qcow/storage/direct_writer.h"
#include "qcow/storage/writable_file_storage.h"
#include "tests/support/aligned_memory.h"
#include "tests/support/files.h"
#include "tests/support/page_cache.h"
#include "tests/support/seed.h"
#include "tests/support/temp_dir.h"

namespace qchain::test {
namespace {

constexpr std::size_t cluster = 65536;
constexpr std::size_t clusters = 256;

/// A file of 16 MiB, all written and nothing of it in the page cache, and memory with other bytes to write into it.
class WriteAll : public testing::Test {
 protected:
  WriteAll() : expected_(clusters * cluster, std::byte{0x11}), memory_(clusters * cluster) {
    write_file(path_, expected_);
    auto opened = WritableFileStorage::adopt(UniqueFd(::open(path_.c_str(), O_RDWR | O_CLOEXEC)), path_);
    storage_ = *opened;
    for (std::byte& byte : memory_.bytes()) {
      byte = std::byte{static_cast<std::uint8_t>(random_.below(256))};
    }
    drop_from_cache(path_);
  }

  /// Some bytes of the memory, and what the file is to be with them.
  WritePiece piece(std::size_t from, std::size_t offset, std::size_t size) {
    const Bytes bytes = memory_.bytes().subspan(from, size);
    expected_.resize(std::max(expected_.size(), offset + size));
    std::ranges::copy(bytes, expected_.begin() + static_cast<std::ptrdiff_t>(offset));
    return {.offset = offset, .bytes = bytes};
  }

  /// Every second cluster, backwards.
  std::vector<WritePiece> every_second() {
    std::vector<WritePiece> pieces;
    for (std::size_t i = clusters; i >= 2; i -= 2) {
      pieces.push_back(piece((clusters - i) * cluster, (i - 1) * cluster, cluster));
    }
    return pieces;
  }

  void expect_written() {
    ASSERT_TRUE(storage_->sync());
    EXPECT_TRUE(read_file(path_) == expected_);
    EXPECT_EQ(storage_->size(), expected_.size());
  }

  [[nodiscard]] bool passes_by() const {
    return has_a_disk_below(dir_.path()) && DirectWriter::open(storage_->descriptor()) != nullptr;
  }

  Random random_{announced_seed()};
  TempDir dir_;
  std::string path_ = dir_ / "file";
  ByteVector expected_;
  AlignedMemory memory_;
  SharedWritable storage_;
};

TEST_F(WriteAll, leaves_the_page_cache_alone) {
  if (!passes_by()) {
    GTEST_SKIP() << "nothing can be written past the page cache here";
  }
  ASSERT_TRUE(storage_->write_all(every_second()));
  EXPECT_LT(cached_share(path_, expected_.size()), 0.05);
  expect_written();
}

TEST_F(WriteAll, finds_new_space_by_the_cache) {
  ASSERT_TRUE(storage_->zero({0, clusters * cluster / 2}));
  std::ranges::fill_n(expected_.begin(), clusters * cluster / 2, std::byte{0});
  ASSERT_TRUE(storage_->write_all(std::vector{piece(0, 0, 64 * cluster)}));
  EXPECT_GT(cached_share(path_, expected_.size()), 0.2);
  expect_written();
}

TEST_F(WriteAll, what_was_zeroed_has_no_space_any_more) {
  ASSERT_TRUE(storage_->write_all(std::vector{piece(0, 0, cluster)}));
  ASSERT_TRUE(storage_->zero({0, 64 * cluster}));
  std::ranges::fill_n(expected_.begin(), 64 * cluster, std::byte{0});
  ASSERT_TRUE(storage_->write_all(std::vector{piece(0, 0, 64 * cluster)}));
  EXPECT_GT(cached_share(path_, expected_.size()), 0.2);
  expect_written();
}

TEST_F(WriteAll, takes_pieces_of_any_size_and_place) {
  std::vector<WritePiece> pieces;
  std::size_t offset = 0;
  while (offset < expected_.size() - cluster) {
    const std::size_t size = random_.below(2) == 0 ? cluster : random_.between(1, 2 * cluster);
    pieces.push_back(piece(random_.below(64) * 512, offset, size));
    offset += size + (random_.below(3) == 0 ? random_.below(9000) : 0);
  }
  pieces.push_back(piece(0, expected_.size() + 10 * cluster, 4 * cluster));
  ASSERT_TRUE(storage_->write_all(pieces));
  expect_written();
}

TEST_F(WriteAll, many_threads_at_once) {
  const std::vector<WritePiece> pieces = every_second();
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < 8; ++i) {
      threads.emplace_back(
          [&, part = std::span(pieces).subspan(i * 16, 16)] { EXPECT_TRUE(storage_->write_all(part)); });
    }
  }
  expect_written();
}

/// Only the calling thread's.
void forbid_rings() {
  scmp_filter_ctx filter = ::seccomp_init(SCMP_ACT_ALLOW);
  ASSERT_EQ(::seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(io_uring_setup), 0), 0);
  ASSERT_EQ(::seccomp_load(filter), 0);
  ::seccomp_release(filter);
}

TEST_F(WriteAll, goes_on_without_rings_where_they_are_forbidden) {
  std::jthread([&] {
    forbid_rings();
    EXPECT_EQ(WriteRing::make(), nullptr);
    EXPECT_TRUE(storage_->write_all(every_second()));
  }).join();
  if (passes_by()) {
    EXPECT_LT(cached_share(path_, expected_.size()), 0.05);
  }
  expect_written();
}

TEST_F(WriteAll, says_what_the_usual_way_says_when_it_fails) {
  UniqueFd reading(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  const auto read_only = WritableFileStorage::adopt(std::move(reading), path_);
  ASSERT_TRUE(read_only);
  const auto outcome = (*read_only)->write_all(std::vector{piece(0, (clusters + 4) * cluster, cluster)});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().path, path_);
}

TEST(WriteRing, says_when_not_all_is_written) {
  const auto ring = WriteRing::make();
  if (ring == nullptr) {
    GTEST_SKIP() << "this system lets us have no io_uring";
  }
  const AlignedMemory memory(cluster);
  const std::vector<WritePiece> pieces(100, {.offset = 0, .bytes = memory.bytes()});
  const UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  EXPECT_FALSE(ring->write(full.get(), pieces));
}

}  // namespace
}  // namespace qchain::test
