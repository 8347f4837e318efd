#include "sandbox/landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "qcow/storage/unique_fd.h"

namespace qchain::sandbox {
namespace {

// Debian 12's headers know the first two versions.
constexpr std::uint64_t access_truncate = 1ULL << 14;
constexpr std::uint64_t access_ioctl_of_devices = 1ULL << 15;
constexpr std::uint64_t access_tcp = 1ULL << 0 | 1ULL << 1;    // bind, connect
constexpr std::uint64_t scope_others = 1ULL << 0 | 1ULL << 1;  // their abstract sockets, signals to them

/// struct landlock_ruleset_attr, as version 6 has it.
struct Ruleset {
  std::uint64_t files;
  std::uint64_t network;
  std::uint64_t scopes;
};

std::uint64_t all_file_rights(int version) {
  constexpr std::uint64_t first_version = (1ULL << 13) - 1;
  std::uint64_t rights = first_version;
  rights |= version >= 2 ? LANDLOCK_ACCESS_FS_REFER : 0;
  rights |= version >= 3 ? access_truncate : 0;
  rights |= version >= 5 ? access_ioctl_of_devices : 0;
  return rights;
}

Ruleset everything(int version) {
  return {.files = all_file_rights(version),
          .network = version >= 4 ? access_tcp : 0,
          .scopes = version >= 6 ? scope_others : 0};
}

/// An older kernel takes a longer structure whose new fields are zero.
UniqueFd make_ruleset(const Ruleset& ruleset) {
  return UniqueFd(static_cast<int>(::syscall(SYS_landlock_create_ruleset, &ruleset, sizeof ruleset, 0)));
}

Result<void> allow(const UniqueFd& ruleset, int file, std::uint64_t rights) {
  const landlock_path_beneath_attr rule{.allowed_access = rights, .parent_fd = file};
  if (::syscall(SYS_landlock_add_rule, ruleset.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0) {
    return fail_errno(errno, "cannot keep access to a file (Landlock)", "");
  }
  return {};
}

/// The new image gets its name in this folder, and may take the place of the old one.
Result<void> allow_output(const UniqueFd& ruleset, const Needs& needs) {
  constexpr std::uint64_t rights = LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE;
  return needs.output_folder < 0 ? Result<void>{} : allow(ruleset, needs.output_folder, rights);
}

}  // namespace

int landlock_version() noexcept {
  const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, std::size_t{0}, LANDLOCK_CREATE_RULESET_VERSION);
  return version > 0 ? static_cast<int>(version) : 0;
}

Result<void> confine_files(const Needs& needs, int version) {
  const UniqueFd ruleset = make_ruleset(everything(version));
  if (!ruleset.valid()) {
    return fail_errno(errno, "cannot prepare the sandbox (Landlock)", "");
  }
  QC_TRY(allow_output(ruleset, needs));
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) {
    return fail_errno(errno, "cannot enter the sandbox (Landlock)", "");
  }
  return {};
}

}  // namespace qchain::sandbox
