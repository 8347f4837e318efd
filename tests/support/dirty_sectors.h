#pragma once

#include <string>
#include <vector>

#include "qcow/chain/image.h"

namespace qchain::test {

/// Which sectors of 512 bytes a dirty bitmap calls dirty.
using DirtySectors = std::vector<bool>;

/// Read by our own engine. Throws std::runtime_error where it can't be.
[[nodiscard]] DirtySectors dirty_sectors(const Image& image, const format::Bitmap& bitmap);
/// The same of the one named `name`; throws also where there is none.
[[nodiscard]] DirtySectors dirty_sectors(const std::string& image, const std::string& name);
/// Read by QEMU, through an NBD export. Throws as must_run(): QEMU exports no inconsistent bitmap.
[[nodiscard]] DirtySectors qemu_dirty_sectors(const std::string& image, const std::string& name);

/// Sets what a bitmap of this granularity has to set for a write of `guest`.
void set_dirty(DirtySectors& sectors, Range guest, std::uint64_t granularity);
/// All that is set in `part` is set in `whole`, which is as long.
[[nodiscard]] bool is_within(const DirtySectors& part, const DirtySectors& whole);

}  // namespace qchain::test
