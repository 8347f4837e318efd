#pragma once

#include <string>
#include <string_view>

#include "qcow/core/error.h"
#include "qcow/storage/unique_fd.h"

namespace qchain::fusefs {

/// What the serving process tells the one that waits for it: ready, or why not. One way, once.
class LaunchStatus {
 public:
  [[nodiscard]] static Result<LaunchStatus> make();

  /// The serving side: false when nobody waits any more.
  bool tell_ready();
  bool tell(const Error& error);

  /// The waiting side: blocks until the other side has spoken or is gone (that is an error too).
  [[nodiscard]] Result<void> wait();

 private:
  LaunchStatus(UniqueFd read_end, UniqueFd write_end) noexcept
      : read_end_(std::move(read_end)), write_end_(std::move(write_end)) {}
  bool send(std::string_view message);

  UniqueFd read_end_;
  UniqueFd write_end_;
};

/// The message for an error, and back: every member as it was. "" and "R" don't occur.
[[nodiscard]] std::string encode(const Error& error);
[[nodiscard]] Error decode(std::string_view message);

}  // namespace qchain::fusefs
