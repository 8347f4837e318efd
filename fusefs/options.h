#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "fusefs/filesystem.h"
#include "qcow/core/error.h"

namespace qchain::fusefs {

/// How the kernel treats what it has read.
enum class Caching : std::uint8_t {
  keep,    ///< page cache, kept across opens: the view cannot change
  direct,  ///< -o direct_io: every read comes to us; MAP_SHARED mappings fail
};

/// The -o options, understood.
struct MountSettings {
  Owner owner;
  Caching caching = Caching::keep;
  std::uint32_t max_read = 0;               ///< bytes of one request, 4 KiB..1 MiB, a multiple of 4 KiB
  std::uint32_t max_readahead = 1U << 20;   ///< bytes that the kernel reads ahead; above 128 KiB only root gets it
  std::string source;                       ///< fsname=: what findmnt shows as SOURCE
  std::string subtype = "qchain";           ///< type is fuse.SUBTYPE
  std::vector<std::string> kernel_options;  ///< handed on to libfuse, unescaped
};

/// Parses comma-separated lists; a backslash keeps the next character from being a separator. Known:
///   ours: uid=N gid=N umask=OCTAL direct_io max_read=BYTES max_readahead=BYTES fsname=NAME subtype=NAME
///   always so: ro auto_unmount (by our own Watchdog)
///   handed on: allow_other allow_root default_permissions, [no]suid [no]dev [no]exec [no]atime [a]sync dirsync,
///   context= and its kin
/// Errors: invalid_argument for anything else (rw too), and for a value that does not fit.
[[nodiscard]] Result<MountSettings> parse_options(std::span<const std::string> lists, MountSettings defaults);

/// The settings as one list for libfuse's -o, escaped.
[[nodiscard]] std::string libfuse_options(const MountSettings& settings);

}  // namespace qchain::fusefs
