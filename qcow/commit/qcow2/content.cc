#include "qcow/commit/qcow2/content.h"

namespace qchain::qcow2_base {

Result<CloneAnswer> Content::put(std::uint64_t position, GrowingFile& file, Range target) const {
  switch (kind_) {
    case Kind::bytes:
      QC_TRY(file.write(target.start, bytes_.subspan(position, target.length)));
      break;
    case Kind::zeros:
      QC_TRY(file.zero(target));
      break;
    case Kind::blocks:
      return file.clone(*source_, offset_ + position, target);
  }
  return CloneAnswer::cloned;
}

}  // namespace qchain::qcow2_base
