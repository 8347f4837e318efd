#include "tests/live/support/session_libvirt.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <stdexcept>

#include "tests/support/files.h"

namespace qchain::test {
namespace {

namespace fs = std::filesystem;

constexpr uid_t nobody = 65534;

bool is_root() {
  return ::geteuid() == 0;
}

/// Something happened in the folder, within a while.
void wait_for_change(int watch) {
  pollfd waiting{watch, POLLIN, 0};
  std::array<char, 4096> events{};
  if (::poll(&waiting, 1, 30'000) <= 0 || ::read(watch, events.data(), events.size()) <= 0) {
    throw std::runtime_error("libvirtd does not come up");
  }
}

std::string domain_xml(const std::string& folder, const std::string& image, const std::string& format,
                       const std::string& guest, const std::string& other_disk) {
  return fmt::format(R"(<domain type='qemu'>
  <name>vm1</name>
  <memory unit='MiB'>128</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <kernel>{0}/vmlinuz</kernel>
    <initrd>{0}/initramfs</initrd>
    <cmdline>{3}</cmdline>
  </os>
  <on_reboot>destroy</on_reboot>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='{2}' cache='none' discard='unmap'/>
      <source file='{1}'/>
      <target dev='vda' bus='virtio'/>
    </disk>
    {4}
    <serial type='unix'><source mode='connect' path='{0}/serial'/></serial>
    <memballoon model='none'/>
  </devices>
</domain>
)",
                     folder, image, format, guest, other_disk);
}

}  // namespace

SessionLibvirt::SessionLibvirt() {
  const std::string& folder = dir_.path();
  const std::string sockets = folder + "/run/libvirt";
  fs::create_directories(sockets);
  for (const std::string& path : {folder, folder + "/run", sockets}) {
    fs::permissions(path, fs::perms(0755));
    own(path);
  }
  launch();
}

void SessionLibvirt::restart() {
  daemon_.reset();
  fs::remove(dir_ / "run/libvirt/libvirt-sock");
  launch();
}

void SessionLibvirt::launch() {
  const std::string& folder = dir_.path();
  const std::string sockets = folder + "/run/libvirt";
  const UniqueFd watch(::inotify_init1(IN_CLOEXEC));
  ::inotify_add_watch(watch.get(), sockets.c_str(), IN_CREATE);
  Arguments command{"setpriv", "--pdeathsig", "KILL"};
  if (is_root()) {
    const std::string user = std::to_string(nobody);
    command.insert(command.end(), {"--reuid", user, "--regid", user, "--clear-groups"});
  }
  command.insert(command.end(),
                 {"env", "HOME=" + folder, "XDG_RUNTIME_DIR=" + folder + "/run",
                  "XDG_CONFIG_HOME=" + folder + "/config", "XDG_CACHE_HOME=" + folder + "/cache", "libvirtd"});
  daemon_.emplace(command);
  while (!fs::exists(sockets + "/libvirt-sock")) {
    wait_for_change(watch.get());
  }
}

SessionLibvirt::~SessionLibvirt() {
  static_cast<void>(run({"virsh", "-c", uri(), "destroy", "vm1"}));  // there may be none
  daemon_->send(SIGTERM);
}

std::string SessionLibvirt::uri() const {
  return "qemu+unix:///session?socket=" + dir_ / "run/libvirt/libvirt-sock";
}

std::string SessionLibvirt::virsh(const Arguments& words) const {
  Arguments command{"virsh", "-c", uri()};
  command.insert(command.end(), words.begin(), words.end());
  return must_run(command);
}

void SessionLibvirt::own(const std::string& file) const {
  if (is_root() && ::chown(file.c_str(), nobody, nobody) != 0) {
    throw std::system_error(errno, std::generic_category(), file);
  }
}

Guest SessionLibvirt::start(const GuestKit& kit, const std::string& image, const std::string& format,
                            const std::string& guest, Disks disks) {
  fs::copy_file(kit.kernel, dir_ / "vmlinuz", fs::copy_options::overwrite_existing);
  fs::copy_file(kit.initramfs, dir_ / "initramfs", fs::copy_options::overwrite_existing);
  own(image);
  std::string other;
  if (disks == Disks::another_beside) {
    const std::string file = dir_ / "other.vmdk";
    must_run({"qemu-img", "create", "-q", "-f", "vmdk", file, "1M"});
    own(file);
    other = "<disk type='file' device='disk'><driver name='qemu' type='vmdk'/><source file='" + file +
            "'/><target dev='vdb' bus='virtio'/></disk>";
  }
  const LineListener listener(dir_ / "serial");
  write_file(dir_ / "vm1.xml", bytes_of(domain_xml(dir_.path(), image, format, guest_command_line(guest), other)));
  virsh({"create", dir_ / "vm1.xml"});
  Guest started(listener.accept());
  started.wait_until_ready();
  return started;
}

}  // namespace qchain::test
