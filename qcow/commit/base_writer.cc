#include "qcow/commit/base_writer.h"

namespace qchain {

Result<CloneAnswer> BaseWriter::clone_all(std::span<const SharedRun> runs) {
  for (const SharedRun& run : runs) {
    if (QC_TRY(clone(*run.source, run.source_offset, run.guest)) == CloneAnswer::impossible) {
      return CloneAnswer::impossible;
    }
  }
  return CloneAnswer::cloned;
}

}  // namespace qchain
