#pragma once

#include <string>
#include <vector>

#include "cli/io.h"

namespace qchain::cli {

/// Runs one qchain command line (without the program's name) and returns the exit status. Never throws; an error is
/// one line on io.err.
[[nodiscard]] int run(const std::vector<std::string>& args, Io& io);

/// The `--help` text of a command, or of qchain itself when `command` is empty.
[[nodiscard]] std::string help_text(const std::string& command);

/// The names of all commands, in the order of the help.
[[nodiscard]] std::vector<std::string> command_names();

}  // namespace qchain::cli
