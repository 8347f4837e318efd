#include "tests/live/guest/disk.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace qchain::guest {
namespace {

constexpr std::uint64_t blocks_at_once = 256;  // a mebibyte

int open_when_there(const char* device) {
  constexpr useconds_t pause = 10'000;
  for (int tries = 0; tries < 500; ++tries) {
    const int descriptor = ::open(device, O_RDWR | O_DIRECT | O_CLOEXEC);
    if (descriptor >= 0) {
      return descriptor;
    }
    ::usleep(pause);
  }
  return -1;
}

/// A span of blocks, one after the other.
ConstBlock block_at(std::span<const std::byte> bytes, std::uint64_t index) {
  return ConstBlock(bytes.subspan(index * block_size, block_size));
}

}  // namespace

Disk::Disk(const char* device) : descriptor_(open_when_there(device)) {
  std::uint64_t size = 0;
  if (descriptor_ >= 0 && ::ioctl(descriptor_, BLKGETSIZE64, &size) == 0) {
    table_.resize(size / block_size);
  }
  memory_ = static_cast<std::byte*>(std::aligned_alloc(block_size, blocks_at_once * block_size));
}

std::span<std::byte> Disk::buffer(std::uint64_t count) const noexcept {
  return {memory_, count * block_size};
}

void Disk::fail(std::uint64_t block, const std::string& what) {
  if (errors_++ == 0 || first_error_.empty()) {
    first_error_ = "block " + std::to_string(block) + ": " + what;
  }
}

std::string Disk::take_first_error() {
  return std::exchange(first_error_, {});
}

void Disk::expect(const Operation& operation, Generation number) {
  if (operation.changes()) {
    std::fill_n(table_.begin() + static_cast<std::ptrdiff_t>(operation.first), operation.count,
                operation.leaves(number));
  }
}

std::span<std::byte> Disk::read(std::uint64_t first, std::uint64_t count) {
  const auto bytes = buffer(count);
  const ssize_t got = ::pread(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(first * block_size));
  if (got == static_cast<ssize_t>(bytes.size())) {
    return bytes;
  }
  fail(first, got < 0 ? std::string("read: ") + std::strerror(errno) : "short read");
  return {};
}

void Disk::check(std::uint64_t first, std::span<const std::byte> bytes) {
  for (std::uint64_t i = 0; i < bytes.size() / block_size; ++i) {
    const Generation wanted = table_[first + i];
    if (!holds(block_at(bytes, i), first + i, wanted)) {
      fail(first + i, "must be of operation " + std::to_string(wanted) + ", says " +
                          std::to_string(claimed_generation(block_at(bytes, i))));
    }
  }
}

void Disk::learn() {
  for (std::uint64_t at = 0; at < blocks(); at += blocks_at_once) {
    const auto bytes = read(at, std::min(blocks_at_once, blocks() - at));
    for (std::uint64_t i = 0; i < bytes.size() / block_size; ++i) {
      table_[at + i] = claimed_generation(block_at(bytes, i));
    }
    check(at, bytes);
  }
}

void Disk::verify() {
  for (std::uint64_t at = 0; at < blocks(); at += blocks_at_once) {
    check(at, read(at, std::min(blocks_at_once, blocks() - at)));
  }
}

void Disk::perform(const Operation& operation, Generation number) {
  const auto bytes = buffer(operation.count);
  std::array<std::uint64_t, 2> range{operation.first * block_size, operation.count * block_size};
  bool done = true;
  switch (operation.kind) {
    case Operation::Kind::read:
      check(operation.first, read(operation.first, operation.count));
      break;
    case Operation::Kind::zero:
      done = ::ioctl(descriptor_, BLKZEROOUT, range.data()) == 0;
      break;
    case Operation::Kind::write:
      for (std::uint64_t i = 0; i < operation.count; ++i) {
        fill_block(Block(bytes.subspan(i * block_size, block_size)), operation.first + i, number);
      }
      done = ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(range[0])) ==
             static_cast<ssize_t>(bytes.size());
      break;
  }
  if (!done) {
    fail(operation.first, std::string("write: ") + std::strerror(errno));
  }
  expect(operation, number);
}

void Disk::flush() {
  if (::fsync(descriptor_) != 0) {
    fail(0, std::string("flush: ") + std::strerror(errno));
  }
}

}  // namespace qchain::guest
