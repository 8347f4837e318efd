// The test guest: process 1 of a virtual machine that has nothing else. It may not end, or the kernel panics.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <string>

#include "tests/live/guest/worker.h"

namespace {

std::string text_of(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// In the order of /modules/order: each needs those before it. One that can't be loaded shows by a disk that is
/// missing.
void load_modules() {
  std::ifstream order("/modules/order");
  for (std::string name; std::getline(order, name);) {
    const int module = ::open(("/modules/" + name).c_str(), O_RDONLY | O_CLOEXEC);
    ::syscall(SYS_finit_module, module, "", 0);
    ::close(module);
  }
}

[[noreturn]] void sleep_for_ever() {
  while (true) {
    ::pause();
  }
}

}  // namespace

int main() {
  for (const char* folder : {"/dev", "/proc"}) {
    ::mkdir(folder, 0755);
  }
  ::mount("devtmpfs", "/dev", "devtmpfs", 0, nullptr);
  ::mount("proc", "/proc", "proc", 0, nullptr);
  load_modules();
  qchain::guest::SerialLine line("/dev/ttyS0");
  qchain::guest::Disk disk("/dev/vda");
  if (!disk.ok()) {
    line.say("error no disk /dev/vda");
    sleep_for_ever();
  }
  qchain::guest::Worker worker(disk, line, qchain::guest::read_settings(text_of("/proc/cmdline")));
  for (worker.begin();;) {
    worker.step();
  }
}
