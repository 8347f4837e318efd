#include "qcow/commit/open_base.h"

#include "qcow/commit/bitmap_plan.h"
#include "qcow/commit/qcow2/qcow2_base_writer.h"
#include "qcow/commit/raw_base.h"
#include "qcow/storage/block_device.h"

namespace qchain {

namespace {

/// What the base's own backing chain reads as; null where it has none.
std::shared_ptr<const View> view_below(const Selection& selection) {
  if (selection.base == 0) {
    return nullptr;
  }
  return std::make_shared<const View>(Slice{.chain = selection.chain, .base = 0, .top = selection.base - 1},
                                      ViewCaches{});
}

}  // namespace

Result<std::unique_ptr<BaseWriter>> open_base(const CommitPlan& plan, const WritingGate& gate) {
  const Selection& selection = plan.selection;
  const Image& image = *selection.base_layer().image;
  SharedWritable file = gate.writable(image.storage().identity());
  if (image.format() == ImageFormat::raw) {
    return std::make_unique<RawBase>(std::move(file));
  }
  Qcow2WriterSetup setup{.file = std::move(file),
                         .data_file = nullptr,
                         .header = *image.header(),
                         .below = view_below(selection),
                         .grows_to = plan.view_size,
                         .own_bitmaps = own_bitmaps(plan),
                         .merges = bitmap_merges(plan)};
  if (is_block_device(image.storage())) {
    setup.file_limit = image.storage().size();
  }
  if (image.header()->has(format::Incompatible::data_file)) {
    setup.data_file = gate.writable(image.data_storage().identity());
  }
  return open_qcow2_writer(std::move(setup));
}

}  // namespace qchain
