#pragma once

#include <functional>

#include "cli/exit_status.h"
#include "cli/io.h"
#include "qcow/core/error.h"

namespace CLI {
class App;
}

namespace qchain::cli {

/// What a command does once its words are parsed.
using Action = std::function<Result<ExitStatus>(Io&)>;

/// One command of qchain. `declare` adds its options to `app` and returns the action that will use them.
struct Command {
  const char* name;
  const char* summary;
  Action (*declare)(CLI::App& app);
};

[[nodiscard]] Action declare_info(CLI::App& app);
[[nodiscard]] Action declare_list(CLI::App& app);
[[nodiscard]] Action declare_map(CLI::App& app);
[[nodiscard]] Action declare_mount(CLI::App& app);
[[nodiscard]] Action declare_copy(CLI::App& app);
[[nodiscard]] Action declare_commit(CLI::App& app);
[[nodiscard]] Action declare_check(CLI::App& app);
[[nodiscard]] Action declare_verify(CLI::App& app);
[[nodiscard]] Action declare_retire(CLI::App& app);
[[nodiscard]] Action declare_snapshot(CLI::App& app);

}  // namespace qchain::cli
