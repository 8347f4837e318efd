#pragma once

#include <string>

#include "live/machine.h"

namespace qchain::live {

/// What a snapshot of a running disk has made.
struct LiveSnapshot {
  std::string overlay;  ///< absolute
  std::string backing_name;
  ImageFormat backing_format = ImageFormat::raw;
  std::uint64_t size = 0;  ///< guest bytes
};

/// An external snapshot under the running guest: it writes to the new qcow2 image `overlay` from then on, and what was
/// active is frozen. The name of the backing file is relative where that of the active image is, or has none. No
/// metadata is left anywhere. Errors: those of OutputFile and Machine; refused (a commit into a layer is unfinished);
/// the overlay is gone again then, unless the machine does not answer.
[[nodiscard]] Result<LiveSnapshot> take_live_snapshot(Machine& machine, const std::string& disk,
                                                      const std::string& overlay);

}  // namespace qchain::live
