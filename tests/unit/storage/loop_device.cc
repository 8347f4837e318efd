#include "tests/unit/storage/loop_device.h"

#include "tests/support/process.h"

namespace qchain::test {

LoopDevice::LoopDevice(const std::string& file, Mode mode) {
  Arguments command{"losetup", "--find", "--show"};
  if (mode == Mode::read_only) {
    command.emplace_back("--read-only");
  }
  command.push_back(file);
  const ProcessResult result = run(command);
  if (result.ok()) {
    path_ = result.out.substr(0, result.out.find('\n'));
  } else {
    reason_ = "no loop device: " + result.err;
  }
}

LoopDevice::~LoopDevice() {
  if (ok()) {
    static_cast<void>(run({"losetup", "--detach", path_}));
  }
}

}  // namespace qchain::test
