#include "qcow/commit/relink.h"

#include <vector>

#include "qcow/format/relink.h"

namespace qchain {

namespace {

Result<format::BackingRewrite> plan_rewrite(const Storage& overlay, std::uint64_t cluster_size, std::string_view name,
                                            ImageFormat format) {
  std::vector<std::byte> cluster(cluster_size);
  QC_TRY(overlay.read_padded(0, cluster));
  return QC_TRY_IN(overlay.name(), format::rewrite_backing(cluster, name, name_of(format)));
}

}  // namespace

Result<void> check_relink(const Storage& overlay, std::uint64_t cluster_size, std::string_view name,
                          ImageFormat format) {
  QC_TRY(plan_rewrite(overlay, cluster_size, name, format));
  return {};
}

Result<void> relink(WritableStorage& overlay, std::uint64_t cluster_size, std::string_view name, ImageFormat format) {
  const auto rewrite = QC_TRY(plan_rewrite(overlay, cluster_size, name, format));
  if (!rewrite.name.empty()) {
    QC_TRY(overlay.write(rewrite.name_offset, rewrite.name));
    // The name lies in a place that the present header does not use; the first sector must never point to it before
    // it is there.
    QC_TRY(overlay.sync());
  }
  QC_TRY(overlay.write(0, rewrite.first_sector));
  // The record says `done` next: the new header must be found after any crash from then on.
  return overlay.sync();
}

}  // namespace qchain
