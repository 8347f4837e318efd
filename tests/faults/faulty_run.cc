#include "tests/faults/faulty_run.h"

#include <filesystem>

#include "tests/support/files.h"
#include "tests/support/qemu.h"

namespace qchain::test {

Arguments with_fault(const Fault& fault, const std::string& report) {
  Arguments words{"env", std::string("LD_PRELOAD=") + QCHAIN_FAULTY_CALLS};
  if (fault.at) {
    words.push_back("QCHAIN_FAULT_AT=" + std::to_string(*fault.at));
  }
  if (fault.clone) {
    words.push_back("QCHAIN_FAULT_CLONE=" + std::to_string(*fault.clone));
  }
  if (fault.at || fault.clone) {
    words.push_back("QCHAIN_FAULT_ERRNO=" + std::to_string(fault.error));
    words.push_back("QCHAIN_FAULT_REPORT=" + report);
  }
  if (!fault.always.empty()) {
    words.push_back("QCHAIN_FAULT_ALWAYS=" + fault.always);
  }
  return words;
}

std::string take_report(const std::string& report) {
  if (!std::filesystem::exists(report)) {
    return {};
  }
  const ByteVector bytes = read_file(report);
  std::filesystem::remove(report);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string make_chain(const TempDir& dir) {
  constexpr std::uint64_t size = 1 << 20;
  const std::string base = dir / "base.raw";
  make_hole_file(base, size);
  poke(base, 0, telling_bytes(300000, 1));
  const std::string overlay = dir / "overlay.qcow2";
  create_overlay(overlay, base, "raw", "cluster_size=4k");
  qemu_io(overlay, {"write -P 2 8k 8k", "write -z 64k 16k", "write -c -P 3 128k 4k", "write -P 4 700k 4k"});
  return overlay;
}

}  // namespace qchain::test
