#include "cli/confine.h"

#include <utility>

namespace qchain::cli {

Result<sandbox::Protections> confine(const SourceOptions& source, const Io& io, const sandbox::Needs& needs) {
  auto protections = sandbox::enter(needs, source.no_sandbox ? sandbox::Confinement::off : io.confinement);
  if (!protections) {
    return std::unexpected(std::move(protections).error().advise("--no-sandbox goes on without"));
  }
  return protections;
}

}  // namespace qchain::cli
