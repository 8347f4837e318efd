#pragma once

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "qcow/chain/chain.h"

namespace qchain::test {

/// Storage over a vector, for tests without files.
class MemoryStorage final : public Storage {
 public:
  explicit MemoryStorage(std::vector<std::byte> bytes, std::uint64_t inode = 1)
      : bytes_(std::move(bytes)), identity_{.device = 1, .inode = inode} {}

  [[nodiscard]] const std::string& name() const noexcept override { return name_; }
  [[nodiscard]] std::uint64_t size() const noexcept override { return bytes_.size(); }
  [[nodiscard]] FileIdentity identity() const noexcept override { return identity_; }
  [[nodiscard]] StorageFacts facts() const noexcept override { return {}; }
  [[nodiscard]] Result<std::size_t> read(std::uint64_t offset, MutableBytes into) const override;
  [[nodiscard]] Result<StoredRun> run_at(std::uint64_t offset, std::uint64_t end) const override;
  void will_need(Range) const noexcept override {}
  [[nodiscard]] bool is_in_memory(Range range) const noexcept override { return range.end() <= in_memory_to_; }
  [[nodiscard]] int descriptor() const noexcept override { return -1; }

  /// The page cache has all below `offset`.
  void pretend_in_memory(std::uint64_t offset = UINT64_MAX) noexcept { in_memory_to_ = offset; }

 private:
  std::string name_ = "memory";
  std::vector<std::byte> bytes_;
  FileIdentity identity_;
  std::uint64_t in_memory_to_ = 0;
};

/// An image whose extents are given: what it does not name is unallocated. Counts how often it is asked. Compressed
/// clusters inflate to bytes of their packed size; of size 0 they are garbage.
class FakeImage final : public Image {
 public:
  static constexpr std::uint32_t unreadable = 0xbad;  ///< a packed size that the disk does not give

  FakeImage(std::uint64_t size, Extents extents, std::vector<std::byte> stored = {}, std::uint64_t inode = 1);

  [[nodiscard]] ImageFormat format() const noexcept override { return ImageFormat::qcow2; }
  [[nodiscard]] std::uint64_t size() const noexcept override { return size_; }
  [[nodiscard]] std::uint64_t cluster_size() const noexcept override { return 4096; }
  [[nodiscard]] const Storage& storage() const noexcept override { return storage_; }
  [[nodiscard]] const Storage& data_storage() const noexcept override { return storage_; }
  void map(Range range, std::size_t limit, Extents& out) const override;
  [[nodiscard]] std::uint64_t map_unit() const noexcept override { return 65536; }
  [[nodiscard]] Result<void> inflate(const Extent& extent, MutableBytes cluster) const override;

  void pretend_in_memory(std::uint64_t offset = UINT64_MAX) noexcept { storage_.pretend_in_memory(offset); }
  [[nodiscard]] int inflated() const noexcept { return inflated_; }
  [[nodiscard]] int mapped() const noexcept { return mapped_; }

 private:
  std::uint64_t size_;
  Extents extents_;  ///< ascending, all of [0, size_)
  MemoryStorage storage_;
  mutable int inflated_ = 0;
  mutable int mapped_ = 0;
};

/// A slice over all of `images`, bottom first.
[[nodiscard]] Slice slice_of(std::vector<SharedImage> images);

/// A random image: extents of all kinds but broken, on 512-byte borders. `inode`: of its file.
[[nodiscard]] std::shared_ptr<FakeImage> random_image(std::mt19937_64& random, std::uint64_t size,
                                                      std::uint64_t inode = 1);

/// The seed of a random test: QCHAIN_SEED, or a new one. Print it with SCOPED_TRACE.
[[nodiscard]] std::uint64_t test_seed();

}  // namespace qchain::test
