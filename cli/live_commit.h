#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cli/exit_status.h"
#include "cli/io.h"
#include "cli/live_target.h"
#include "live/live_commit.h"

namespace qchain::cli {

/// What only a commit under a running guest takes.
struct LiveCommitOptions {
  LiveTarget target;
  std::string disk;
  bool active = false;
  bool pivot = false;
  bool keep_overlay = false;
  std::uint64_t timeout = 0;  ///< seconds; 0: none
  live::AtTimeout at_timeout = live::AtTimeout::cancel;
  live::EngineChoice engine = live::EngineChoice::automatic;
};

struct CommitCommandOptions;

/// Adds --qmp, --disk and all that goes with them.
void add_live_commit(CLI::App& app, LiveCommitOptions& options);

/// An option that was given and says nothing without a running guest; empty: none.
[[nodiscard]] std::string_view option_for_a_guest(const LiveCommitOptions& options);

[[nodiscard]] Result<ExitStatus> live_commit_command(const CommitCommandOptions& options, Io& io);

}  // namespace qchain::cli
