#include "qcow/commit/below_base.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <optional>

#include "qcow/chain/backing_name.h"

namespace qchain {

namespace {

std::optional<BackingTarget> named_by(const Layer& layer) {
  const format::Header* header = layer.image->header();
  if (header == nullptr || !header->backing_file) {
    return std::nullopt;
  }
  auto target = resolve_backing(*header, layer.file);
  return target ? std::optional(*std::move(target)) : std::nullopt;
}

/// What lies under `below`, which was called `name`.
std::optional<BackingTarget> name_below(const BackingTarget& name, const Layer& below) {
  if (!name.overrides_next) {
    return named_by(below);
  }
  return name.next ? std::optional(*name.next) : std::nullopt;
}

bool leads_to(const std::optional<BackingTarget>& name, const Layer& layer) {
  struct stat status{};
  return name && name->format == layer.image->format() &&
         (name->path == layer.file ||
          (::stat(name->path.c_str(), &status) == 0 &&
           FileIdentity{.device = status.st_dev, .inode = status.st_ino} == layer.image->storage().identity()));
}

/// The lowest layer, from the base down, that is followed by another one than headers say. Nothing: none is.
std::optional<std::size_t> first_overridden(const Chain& chain, std::size_t base) {
  auto name = named_by(chain.layer(base));
  for (std::size_t i = base; i > 0; --i) {
    const Layer& below = chain.layer(i - 1);
    if (!leads_to(name, below)) {
      return i;
    }
    name = name_below(*name, below);
  }
  return name ? std::optional<std::size_t>(0) : std::nullopt;
}

}  // namespace

void refuse_other_below(CommitPlan& plan) {
  const Chain& chain = plan.selection.chain;
  if (const auto layer = first_overridden(chain, plan.selection.base)) {
    plan.refusals.push_back(
        make_error(ErrorKind::refused, "a json: name above it says what lies below it, and its own header says another")
            .in(chain.layer(*layer).file)
            .advise("write into its header what is meant (qemu-img rebase -u), or into its overlay a plain name"));
  }
}

}  // namespace qchain
