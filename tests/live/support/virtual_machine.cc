#include "tests/live/support/virtual_machine.h"

#include <csignal>

namespace qchain::test {
namespace {

Arguments command_of(const GuestKit& kit, const MachineOptions& options) {
  const std::string& folder = options.folder;
  // The kernel ends it with its parent, should that be killed.
  Arguments command{"setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64"};
  const auto add = [&](const Arguments& more) { command.insert(command.end(), more.begin(), more.end()); };
  add({"-accel", "tcg", "-cpu", "qemu64", "-m", "128", "-nodefaults", "-display", "none", "-no-reboot"});
  add({"-kernel", kit.kernel, "-initrd", kit.initramfs});
  add({"-append", guest_command_line(options.guest)});
  add({"-chardev", "socket,id=serial,path=" + folder + "/serial", "-serial", "chardev:serial"});
  add({"-chardev", "socket,id=qmp,server=on,wait=off,path=" + folder + "/qmp", "-mon", "chardev=qmp,mode=control"});
  add({"-chardev", "socket,id=watch,path=" + folder + "/watch", "-mon", "chardev=watch,mode=control"});
  add(options.block);
  add({"-device", "virtio-blk-pci,id=vda,drive=" + options.node});
  return command;
}

}  // namespace

std::string guest_command_line(const std::string& guest) {
  return "console=ttyS0 quiet loglevel=3 panic=-1 no_timer_check " + guest;
}

VirtualMachine::VirtualMachine(const GuestKit& kit, const MachineOptions& options)
    : qmp_(options.folder + "/qmp"),
      serial_(options.folder + "/serial"),
      watch_(options.folder + "/watch"),
      process_(command_of(kit, options)) {
  try {
    guest_.emplace(serial_.accept(pid()));
    monitor_.emplace(watch_.accept(pid()));
  } catch (const std::exception& error) {
    process_.send(SIGKILL);
    throw std::runtime_error(std::string(error.what()) + "; QEMU says: " + process_.read_errors());
  }
  guest_->wait_until_ready();
}

void VirtualMachine::kill() {
  process_.send(SIGKILL);
  static_cast<void>(process_.wait());
}

void VirtualMachine::quit() {
  monitor_->execute("quit");
  static_cast<void>(process_.wait());
}

}  // namespace qchain::test
