#pragma once

#include <string>
#include <vector>

#include "live/machine.h"

namespace qchain::live {

/// The disks of a running domain whose images are raw or qcow2, each in a file or on a block device, as its XML shows
/// them. A layer's node is what libvirt calls it: "vda[3]". `job` is set where the XML shows one; not every job is
/// shown.
/// Errors: corrupt (not such XML).
[[nodiscard]] Result<std::vector<Disk>> disks_of(const std::string& xml);

/// Whether the XML shows an active commit of this disk that is in step with the guest.
[[nodiscard]] bool is_ready(const std::string& xml, const std::string& disk);

/// The XML by which libvirt makes an external snapshot of one disk alone. It names all others that the domain's `xml`
/// has, whatever their images are: of a disk that is not named libvirt would make one, too.
/// Errors: corrupt (not such XML).
[[nodiscard]] Result<std::string> snapshot_xml(const std::string& xml, const Disk& disk, const std::string& file);

}  // namespace qchain::live
