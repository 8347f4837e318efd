#pragma once

#include "live/context.h"
#include "live/places.h"

/// Inside of the live room: that the base reads as the layers merged into it do, before anybody relies on it.
namespace qchain::live {

/// All is in the base, nothing is switched, and nobody writes to any of these files until finalize(): puts the base on
/// stable storage and compares. Whether they are the same; the report has the comparison. Errors: io, those of
/// open_disk_chain() and compare().
[[nodiscard]] Result<bool> prove_merged(Context& context, const Disk& disk, const Places& places);

/// Where the machine could not wait: all is switched already, but the merged layers are there as they were, and no
/// guest writes to the base, which is the layer at position `base` of `after`. Errors: corrupt (they differ) and those
/// of compare(), both with what to do now; io, those of Chain::open().
[[nodiscard]] Result<void> prove_switched(Context& context, const Disk& after, std::size_t base);

}  // namespace qchain::live
