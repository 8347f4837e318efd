#include "tests/unit/chain/fake_image.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace qchain::test {

Result<std::size_t> MemoryStorage::read(std::uint64_t offset, MutableBytes into) const {
  if (offset >= bytes_.size()) {
    return 0;
  }
  const std::size_t count = std::min<std::size_t>(into.size(), bytes_.size() - offset);
  std::memcpy(into.data(), bytes_.data() + offset, count);
  return count;
}

Result<StoredRun> MemoryStorage::run_at(std::uint64_t offset, std::uint64_t end) const {
  const bool is_data = offset < bytes_.size();
  return StoredRun{range_between(offset, is_data ? std::min<std::uint64_t>(end, bytes_.size()) : end), is_data};
}

FakeImage::FakeImage(std::uint64_t size, Extents extents, std::vector<std::byte> stored, std::uint64_t inode)
    : size_(size), storage_(std::move(stored), inode) {
  std::uint64_t position = 0;
  for (const Extent& extent : extents) {
    if (extent.start > position) {
      extents_.push_back({.start = position, .length = extent.start - position});
    }
    extents_.push_back(extent);
    position = extent.end();
  }
  if (position < size) {
    extents_.push_back({.start = position, .length = size - position});
  }
}

void FakeImage::map(Range range, std::size_t limit, Extents& out) const {
  ++mapped_;
  const std::size_t before = out.size();
  for (const Extent& extent : extents_) {
    if (!intersect(extent.range(), range).empty() && out.size() - before < limit) {
      append(out, clip(extent, range));
    }
  }
}

Result<void> FakeImage::inflate(const Extent& extent, MutableBytes cluster) const {
  ++inflated_;
  if (extent.packed_size == 0) {
    return fail(ErrorKind::corrupt, "garbage");
  }
  if (extent.packed_size == unreadable) {
    return fail_errno(EIO, "cannot read", "memory");
  }
  std::memset(cluster.data(), static_cast<int>(extent.packed_size), cluster.size());
  return {};
}

Slice slice_of(std::vector<SharedImage> images) {
  std::vector<Layer> layers;
  for (auto& image : images) {
    layers.push_back({.file = "layer" + std::to_string(layers.size() + 1), .backing_reference = {}, .image = image});
  }
  return {.chain = Chain(std::move(layers)), .base = 0, .top = images.size() - 1};
}

std::shared_ptr<FakeImage> random_image(std::mt19937_64& random, std::uint64_t size, std::uint64_t inode) {
  Extents extents;
  std::uint64_t position = 0;
  while (position < size) {
    const std::uint64_t length = std::min(size - position, 512 * (1 + random() % 40));
    Extent extent{.start = position, .length = length};
    switch (random() % 4) {
      case 0:
        extent.kind = ExtentKind::data;
        extent.offset = 512 * (random() % 400);
        break;
      case 1:
        extent.kind = ExtentKind::zero;
        break;
      default:
        position += length;
        continue;
    }
    extents.push_back(extent);
    position += length;
  }
  std::vector<std::byte> stored(256 << 10);
  for (std::size_t i = 0; i + 8 <= stored.size(); i += 8) {
    const std::uint64_t word = random();
    std::memcpy(stored.data() + i, &word, 8);
  }
  return std::make_shared<FakeImage>(size, std::move(extents), std::move(stored), inode);
}

std::uint64_t test_seed() {
  const char* given = std::getenv("QCHAIN_SEED");  // NOLINT(concurrency-mt-unsafe): before any thread
  return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
}

}  // namespace qchain::test
