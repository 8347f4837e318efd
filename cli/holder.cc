#include "cli/holder.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace qchain::cli {

std::string holder_text(const LockHolder& holder) {
  return fmt::format("open for {} by pid {} ({})", holder.writes() ? "writing" : "reading", holder.pid,
                     printable(holder.command));
}

nlohmann::ordered_json holder_json(const LockHolder& holder) {
  return {{"pid", holder.pid}, {"command", holder.command}, {"access", holder.writes() ? "write" : "read"}};
}

}  // namespace qchain::cli
