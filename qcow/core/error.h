#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace qchain {

/// What went wrong, stable for programs. Exit statuses and errno values are derived from it in one place each.
enum class ErrorKind : std::uint8_t {
  io,                ///< the system call failed; `os_error` says how
  not_found,         ///< a file that a user or a header names is not there
  permission,        ///< the system does not let this user do it
  locked,            ///< another process holds the image
  corrupt,           ///< the image contradicts the format
  unsupported,       ///< a feature that is recognised and refused by name
  limit,             ///< a number beyond what QEMU (or a stated limit of ours) allows
  loop,              ///< a chain that comes back to itself
  missing_format,    ///< a backing file whose format is not recorded
  refused,           ///< policy forbids it (special files, network addresses, existing output)
  invalid_argument,  ///< the user's words do not fit
  no_space,          ///< the target's file system is full
  interrupted,       ///< a signal asked to stop
};

/// An error as a value. All members are optional but `kind` and `what`; the layer that knows a member fills it in.
struct Error {
  ErrorKind kind = ErrorKind::io;
  std::string what;                     ///< what failed, lower case, no full stop: "L1 table does not fit the file"
  std::string path;                     ///< image concerned; may hold any bytes
  std::string advice;                   ///< what to do about it, or empty
  std::optional<std::uint64_t> offset;  ///< byte offset in `path`
  int os_error = 0;                     ///< errno of the failed call, 0 if none

  /// Names the image unless a lower layer already did.
  Error&& in(std::string_view image) &&;
  Error&& at(std::uint64_t byte_offset) &&;
  Error&& because(int errno_value) &&;
  Error&& advise(std::string_view text) &&;
};

/// The error as one line: image, what failed, system's reason, advice. Control characters are escaped.
[[nodiscard]] std::string describe(const Error& error);

/// Text for a terminal: what could drive it, or turn the text around, becomes \xNN for each byte.
[[nodiscard]] std::string printable(std::string_view text);

template <typename T>
using Result = std::expected<T, Error>;

[[nodiscard]] inline Error make_error(ErrorKind kind, std::string_view what) {
  return Error{kind, std::string(what), {}, {}, {}, 0};
}

[[nodiscard]] inline std::unexpected<Error> fail(ErrorKind kind, std::string_view what) {
  return std::unexpected(make_error(kind, what));
}

/// Kind that fits an errno: ENOENT not_found, EACCES/EPERM permission, ENOSPC/EDQUOT no_space, else io.
[[nodiscard]] ErrorKind kind_of_errno(int errno_value) noexcept;

/// A failed system call on `path`.
[[nodiscard]] std::unexpected<Error> fail_errno(int errno_value, std::string_view what, std::string_view path);

}  // namespace qchain

/// Value of a Result, or return its error from the enclosing function. (GNU statement expression: both our compilers.)
#define QC_TRY(expression)                                  \
  ({                                                        \
    auto qc_result = (expression);                          \
    if (!qc_result) [[unlikely]]                            \
      return std::unexpected(std::move(qc_result).error()); \
    *std::move(qc_result);                                  \
  })

/// The same, with the image's name added to an error that does not have one.
#define QC_TRY_IN(path, expression)                                  \
  ({                                                                 \
    auto qc_result = (expression);                                   \
    if (!qc_result) [[unlikely]]                                     \
      return std::unexpected(std::move(qc_result).error().in(path)); \
    *std::move(qc_result);                                           \
  })
