#pragma once

#include <cstdint>
#include <initializer_list>

#include "qcow/core/error.h"

namespace qchain {

/// What a user of an image may do to it, as QEMU's block layer divides it. The value is the lock byte's distance from
/// the first one. Source: QEMU block/file-posix.c and the BLK_PERM_* flags; seen with qemu-io 7.2 in /proc/PID/fdinfo.
enum class Permission : std::uint8_t { consistent_read = 0, write = 1, write_unchanged = 2, resize = 3 };

inline constexpr Permission all_permissions[] = {Permission::consistent_read, Permission::write,
                                                 Permission::write_unchanged, Permission::resize};

/// A set of permissions.
class Permissions {
 public:
  constexpr Permissions() = default;
  constexpr Permissions(std::initializer_list<Permission> members) noexcept {
    for (const Permission member : members) {
      add(member);
    }
  }
  constexpr void add(Permission member) noexcept { bits_ = static_cast<std::uint8_t>(bits_ | bit(member)); }
  [[nodiscard]] constexpr bool has(Permission member) const noexcept { return (bits_ & bit(member)) != 0; }
  [[nodiscard]] constexpr bool empty() const noexcept { return bits_ == 0; }
  friend constexpr bool operator==(Permissions, Permissions) = default;

 private:
  static constexpr unsigned bit(Permission member) noexcept { return 1U << static_cast<unsigned>(member); }
  std::uint8_t bits_ = 0;
};

/// First of the bytes that say "I use this permission", and of those that say "nobody else may".
inline constexpr std::uint64_t used_lock_byte = 100;
inline constexpr std::uint64_t unshared_lock_byte = 200;

/// QEMU's byte-range locks on an open image. They belong to the open file description: they last until its last
/// descriptor is closed, a fork shares them, and nothing has to be released. A plain value that says what is held.
class ImageLock {
 public:
  /// Takes the locks on `fd` (open for reading), then makes sure that nobody else contradicts them; on a conflict those
  /// taken are released again. Where the file system has no such locks, nothing is held and enforced() is false, as in
  /// QEMU. Errors: locked (names the holder, where it can be seen), io; without path.
  [[nodiscard]] static Result<ImageLock> acquire(int fd, Permissions used, Permissions unshared);

  [[nodiscard]] bool enforced() const noexcept { return enforced_; }
  [[nodiscard]] Permissions used() const noexcept { return used_; }
  [[nodiscard]] Permissions unshared() const noexcept { return unshared_; }

 private:
  ImageLock(Permissions used, Permissions unshared, bool enforced) noexcept
      : used_(used), unshared_(unshared), enforced_(enforced) {}

  Permissions used_;
  Permissions unshared_;
  bool enforced_;
};

}  // namespace qchain
