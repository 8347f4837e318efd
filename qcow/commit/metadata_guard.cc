#include "qcow/commit/metadata_guard.h"

#include <fmt/format.h>

#include "qcow/check/image_check.h"

namespace qchain {
namespace {

Result<void> look_at(const Layer& layer, CommitPlan& plan) {
  if (layer.image->header() == nullptr) {
    return {};
  }
  const ImageCheck check = QC_TRY_IN(layer.file, check_image(*layer.image, {}));
  if (check.overlaps > 0) {
    plan.refusals.push_back(
        make_error(
            ErrorKind::corrupt,
            fmt::format("metadata share {} clusters with something else: writing would destroy data", check.overlaps))
            .in(layer.file)
            .advise("see qchain check; qemu-img check -r all repairs it, qchain copy saves what can be read"));
  }
  return {};
}

}  // namespace

Result<void> refuse_overlaps(CommitPlan& plan) {
  QC_TRY(look_at(plan.selection.base_layer(), plan));
  if (const auto overlay = plan.selection.overlay()) {
    QC_TRY(look_at(plan.selection.chain.layer(*overlay), plan));
  }
  return {};
}

}  // namespace qchain
