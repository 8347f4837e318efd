#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "qcow/chain/chain.h"
#include "qcow/chain/view.h"
#include "qcow/core/error.h"
#include "sandbox/sandbox.h"

/// The mount: a slice's view, the view at every layer, and the partitions, as read-only files through FUSE.
namespace qchain::fusefs {

/// Where the process that answers the kernel lives.
enum class Stay : std::uint8_t {
  background,  ///< a child of its own; the caller goes on as soon as the mount answers
  foreground,  ///< the calling process, until the mount ends
};

struct MountOptions {
  std::string mountpoint;                 ///< existing folder or regular file; may be relative, may hold any bytes
  std::vector<std::string> fuse_options;  ///< values of -o, each a comma-separated list; see options.h for the names
  Stay stay = Stay::background;
  sandbox::Confinement confinement = sandbox::Confinement::on;  ///< of the serving process, before it reads a byte
};

/// The most that the serving process keeps resident, in bytes, with the default CacheBudget and whatever is read:
/// resolved extents (64 MiB) + inflated clusters (32 MiB) + 16 threads with a reply and a request buffer of 1 MiB each
/// (32 MiB) + 64 small reads at once of 16 KiB (1 MiB) + code, tree of files and the images' own tables (15 MiB).
/// Another CacheBudget moves it by the difference.
inline constexpr std::size_t resident_budget = std::size_t{64 + 32 + 32 + 16} << 20;

/// Mounts `slice` and serves it until it is unmounted, or SIGTERM, SIGINT or SIGHUP asks to stop.
///
/// Folder as mountpoint: `disk.raw` is the slice's view, `layers/N-NAME.raw` the view from slice.base up to layer N,
/// `partitions/N.raw` each partition of disk.raw. Regular file: the file itself becomes the view, and is back when
/// unmounted. All is read-only and never changes, so the kernel may cache it as long as it likes.
///
/// background: the calling process must not have other threads, as it is forked. Returns the serving process's id once
/// the mount answers requests; that process never returns from here. Unreadable ranges are reported to syslog.
/// foreground: returns 0 after the mount has ended. Unreadable ranges are reported on stderr.
/// When the serving process is killed, a small process beside it takes the mount away (see watchdog.h).
///
/// Errors: invalid_argument (option, mountpoint neither folder nor regular file), not_found, permission, io; the line
/// that describe() makes of it is complete. Nothing is mounted then.
[[nodiscard]] Result<pid_t> serve(Slice slice, ViewCaches caches, const MountOptions& options);

}  // namespace qchain::fusefs
