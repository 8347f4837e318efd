#include "qcow/chain/raw_image.h"

#include "qcow/format/limits.h"

namespace qchain {

RawImage::RawImage(SharedStorage storage)
    : storage_(std::move(storage)), size_(align_up(storage_->size(), format::sector)) {}

void RawImage::map(Range range, std::size_t limit, Extents& out) const {
  const std::size_t before = out.size();
  std::uint64_t position = range.start;
  while (position < range.end() && out.size() - before < limit) {
    const auto run = storage_->run_at(position, range.end());
    // What the system can't tell is data: reading it will give the bytes or the error.
    const bool is_data = !run || run->is_data;
    const std::uint64_t end = run ? run->range.end() : range.end();
    append(out, {.start = position,
                 .length = end - position,
                 .offset = position,
                 .kind = is_data ? ExtentKind::data : ExtentKind::hole});
    position = end;
  }
}

Result<void> RawImage::inflate(const Extent&, MutableBytes) const {
  return fail(ErrorKind::invalid_argument, "a raw image has no compressed clusters");
}

}  // namespace qchain
