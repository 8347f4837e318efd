#include "qcow/commit/metadata_guard.h"

#include <fmt/format.h>

#include "qcow/check/image_check.h"

namespace qchain {
namespace {

/// What is written of an image.
enum class Writes : std::uint8_t {
  header,
  clusters,  ///< found free, or taken for nobody else's, by their refcounts
};

void refuse(const Layer& layer, const std::string& what, CommitPlan& plan) {
  plan.refusals.push_back(
      make_error(ErrorKind::corrupt, what)
          .in(layer.file)
          .advise("see qchain check; qemu-img check -r all repairs it, qchain copy saves what can be read"));
}

Result<void> look_at(const Layer& layer, Writes writes, CommitPlan& plan, const std::stop_token& stop) {
  if (layer.image->header() == nullptr) {
    return {};
  }
  const ImageCheck check = QC_TRY_IN(layer.file, check_image(*layer.image, {.progress = {}, .stop = stop}));
  if (check.overlaps > 0) {
    refuse(layer,
           fmt::format("metadata share {} clusters with something else: writing would destroy data", check.overlaps),
           plan);
  } else if (writes == Writes::clusters && check.corruptions > 0) {
    refuse(layer, fmt::format("{} errors in its metadata: writing would destroy data", check.corruptions), plan);
  } else if (writes == Writes::clusters && (check.check_errors > 0 || check.unreadable_bytes > 0)) {
    refuse(layer, "a part of its metadata can't be read or understood: writing could end in the middle", plan);
  }
  return {};
}

}  // namespace

Result<void> refuse_overlaps(CommitPlan& plan, const std::stop_token& stop) {
  QC_TRY(look_at(plan.selection.base_layer(), Writes::clusters, plan, stop));
  if (const auto overlay = plan.selection.overlay()) {
    QC_TRY(look_at(plan.selection.chain.layer(*overlay), Writes::header, plan, stop));
  }
  return {};
}

}  // namespace qchain
