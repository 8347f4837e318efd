#pragma once

#include <cstddef>

#include "live/machine.h"
#include "qcow/commit/record.h"

/// Inside of the live room: how far a commit is, by what the machine's disk consists of.
namespace qchain::live {

/// Where the layers of a record are in a disk.
struct Places {
  std::size_t base = 0;   ///< position
  std::size_t top = 0;    ///< position; not used when switched
  bool switched = false;  ///< the overlay lies on the base
  bool inserted = false;  ///< engine clone: the overlay lies on an empty image, and that on the new base
};

/// By the files. Errors: refused (the disk is neither as before the commit nor as after it).
[[nodiscard]] Result<Places> places_of(const CommitRecord& record, const Disk& disk);

}  // namespace qchain::live
