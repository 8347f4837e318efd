#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "live/machine.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace qchain::cli {

/// A running guest, as the user names it.
struct LiveTarget {
  std::string qmp;      ///< path of a QMP socket
  std::string connect;  ///< libvirt's URI; with `domain`
  std::string domain;   ///< libvirt's name of the guest

  [[nodiscard]] bool is_given() const noexcept { return !qmp.empty() || !domain.empty(); }
};

/// Adds --qmp, and --connect and --domain. The target outlives the parsing.
void add_live_target(CLI::App& app, LiveTarget& target);

/// Connects. Errors: invalid_argument (none given, or two), unsupported (built without libvirt), io,
/// permission, not_found.
[[nodiscard]] Result<std::unique_ptr<live::Machine>> open_machine(const LiveTarget& target);

}  // namespace qchain::cli
