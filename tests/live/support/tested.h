#pragma once

#include <functional>
#include <string>

#include "tests/live/support/guest.h"
#include "tests/support/process.h"

namespace qchain::test {

/// A running guest as a user of qchain names it, whatever lies below: QMP or libvirt.
struct Tested {
  Arguments target;                                  ///< --qmp SOCKET, or --connect URI --domain NAME
  Guest* guest = nullptr;                            ///< not owned
  std::string folder;                                ///< of the images
  std::function<void(const std::string&)> unharmed;  ///< the guest has no errors and never stood still, after this step

  /// `qchain COMMAND TARGET --disk DISK MORE`.
  [[nodiscard]] Arguments words(const std::string& command, const std::string& disk, const Arguments& more = {}) const;
  [[nodiscard]] ProcessResult qchain(const std::string& command, const std::string& disk,
                                     const Arguments& more = {}) const;
  /// A snapshot of vda by qchain: NAME.qcow2 is then the active image.
  void snapshot(const std::string& name) const;
  [[nodiscard]] std::string image(const std::string& name) const {
    return folder + "/" + name + (name == "base" ? ".raw" : ".qcow2");
  }
};

/// The article's sequence, from a guest on base.raw alone: snapshots a, b, c; a and b merged into the base by their
/// files; snapshots d, e; c and d merged by index; at last e, with a pivot. The guest works all the time and verifies
/// its disk after each step; what was merged is compared with a copy that was made before. At its end the guest runs on
/// base.raw. `index_of_d`: what the machine calls layer d when it is third from the bottom.
void run_article(const Tested& tested, const std::string& index_of_d);

}  // namespace qchain::test
