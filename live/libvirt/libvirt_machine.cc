#include "live/libvirt/libvirt_machine.h"

#include <fcntl.h>
#include <unistd.h>

#include "live/libvirt/domain_xml.h"
#include "qcow/storage/unique_fd.h"

namespace qchain::live {

LibvirtMachine::~LibvirtMachine() {
  loop_->while_turning([this] {
    for (const int callback : callbacks_) {
      ::virConnectDomainEventDeregisterAny(connection_.get(), callback);
    }
    ::virConnectUnregisterCloseCallback(connection_.get(), on_close);
    domain_.reset();
    connection_.reset();
  });
}

Result<std::string> LibvirtMachine::xml() {
  const LibvirtText text(loop_->while_turning([&] { return ::virDomainGetXMLDesc(domain_.get(), 0); }));
  if (!text) {
    return std::unexpected(failed("cannot read the domain's description"));
  }
  return std::string(text.get());
}

Result<std::vector<Disk>> LibvirtMachine::disks() {
  const std::string text = QC_TRY(xml());
  auto disks = QC_TRY_IN(name_, disks_of(text));
  for (Disk& disk : disks) {
    if (!disk.job && QC_TRY(job_on(disk.device))) {
      disk.job = disk.device;
    }
  }
  return disks;
}

Result<void> LibvirtMachine::snapshot(const Disk& disk, const std::string& file) {
  const std::string domain = QC_TRY(xml());
  const std::string description = QC_TRY_IN(name_, snapshot_xml(domain, disk, file));
  constexpr unsigned flags = VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY | VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA |
                             VIR_DOMAIN_SNAPSHOT_CREATE_REUSE_EXT;
  virDomainSnapshot* const made =
      loop_->while_turning([&] { return ::virDomainSnapshotCreateXML(domain_.get(), description.c_str(), flags); });
  if (made == nullptr) {
    return std::unexpected(failed("cannot make the snapshot"));
  }
  ::virDomainSnapshotFree(made);
  return {};
}

/// QEMU writes what it keeps of an image in memory as it reopens it read-only, which it does as a commit into it ends;
/// the file is left to be synced.
Result<void> LibvirtMachine::flush(const DiskLayer& layer) {
  const UniqueFd file(::open(layer.file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid() || ::fdatasync(file.get()) != 0) {
    return fail_errno(errno, "cannot flush", layer.file);
  }
  return {};
}

Result<void> LibvirtMachine::can_switch_backing(const Disk& disk, std::size_t, std::optional<std::size_t>) {
  return std::unexpected(
      make_error(ErrorKind::unsupported, "libvirt has no way to put another base below a running disk").in(disk.name));
}

Result<void> LibvirtMachine::switch_backing(const Disk& disk, const BackingSwitch& how) {
  return can_switch_backing(disk, how.base, how.above);
}

Result<void> LibvirtMachine::close(const std::vector<std::string>&) {
  return {};  // libvirt closes by itself what it has merged
}

}  // namespace qchain::live
