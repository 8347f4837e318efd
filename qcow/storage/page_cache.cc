#include "qcow/storage/page_cache.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace qchain {
namespace {

constexpr std::uint64_t smallest_page = 4096;
constexpr std::uint64_t most = std::uint64_t{16} << 20;

/// What cachestat(2) is asked, and what it answers.
struct AskedRange {
  std::uint64_t start;
  std::uint64_t length;
};
struct CachedPages {
  std::uint64_t cached;
  std::uint64_t dirty;
  std::uint64_t in_write_back;
  std::uint64_t evicted;
  std::uint64_t recently_evicted;
};

std::uint64_t page_size() {
  return static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

Range whole_pages(Range range) {
  const std::uint64_t page = page_size();
  const std::uint64_t start = align_down(range.start, page);
  return {start, std::min(align_up(range.end(), page) - start, most)};
}

/// Of files that are not this user's, and that it may not write, mincore(2) says that all is there.
bool is_told_the_truth(int descriptor) {
  struct stat status{};
  return (::fstat(descriptor, &status) == 0 && status.st_uid == ::geteuid()) ||
         ::faccessat(descriptor, "", W_OK, AT_EACCESS | AT_EMPTY_PATH) == 0;
}

}  // namespace

std::optional<std::uint64_t> cached_bytes_by_cachestat(int descriptor, Range range) noexcept {
  const Range pages = whole_pages(range);
  const AskedRange asked{.start = pages.start, .length = pages.length};
  CachedPages answer{};
  if (pages.empty() || ::syscall(cachestat_call, descriptor, &asked, &answer, 0) != 0) {  // length 0: up to the end
    return std::nullopt;
  }
  return answer.cached * page_size();
}

std::optional<std::uint64_t> cached_bytes_by_mincore(int descriptor, Range range) noexcept {
  const Range pages = whole_pages(range);
  if (pages.empty() || !is_told_the_truth(descriptor)) {
    return std::nullopt;
  }
  void* mapped = ::mmap(nullptr, pages.length, PROT_READ, MAP_SHARED, descriptor, static_cast<off_t>(pages.start));
  if (mapped == MAP_FAILED) {
    return std::nullopt;
  }
  std::array<unsigned char, most / smallest_page> there{};
  const bool told = ::mincore(mapped, pages.length, there.data()) == 0;
  ::munmap(mapped, pages.length);
  const auto count = std::ranges::count_if(there, [](unsigned char flags) { return (flags & 1U) != 0; });
  return told ? std::optional(static_cast<std::uint64_t>(count) * page_size()) : std::nullopt;
}

std::optional<std::uint64_t> cached_bytes(int descriptor, Range range) noexcept {
  const auto told = cached_bytes_by_cachestat(descriptor, range);
  return told ? told : cached_bytes_by_mincore(descriptor, range);
}

}  // namespace qchain
