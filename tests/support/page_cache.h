#pragma once

#include <cstddef>
#include <string>

namespace qchain::test {

/// Whether files in this folder have a disk below them: those of a tmpfs are in the page cache always.
[[nodiscard]] bool has_a_disk_below(const std::string& folder);

/// Whether cachestat(2) tells of files here: an overlayfs keeps the pages in another file's cache, and none are seen.
[[nodiscard]] bool shows_its_cache(const std::string& folder);

/// Writes a file to the disk, and out of the page cache. Throws std::system_error.
void drop_from_cache(const std::string& path);

/// Share of a file's pages, of `size` bytes in all, that the page cache holds, from 0 to 1. Throws std::system_error.
[[nodiscard]] double cached_share(const std::string& path, std::size_t size);

}  // namespace qchain::test
