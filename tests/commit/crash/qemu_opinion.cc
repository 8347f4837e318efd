#include "tests/commit/crash/qemu_opinion.h"

#include <filesystem>

#include "tests/support/files.h"
#include "tests/support/qemu.h"
#include "tests/support/views.h"

namespace qchain::test {
namespace {

/// To the simulation nothing happens to the files: their times stay.
void put(const CrashCase& crash_case, const Disks& disks) {
  for (std::size_t i = 0; i < crash_case.files().size(); ++i) {
    const std::string& path = crash_case.files()[i].path;
    const auto time = std::filesystem::last_write_time(path);
    write_file(path, disks[i]);
    std::filesystem::last_write_time(path, time);
  }
}

/// The files hold a state as long as this lives.
class StateOnDisk {
 public:
  StateOnDisk(const CrashCase& crash_case, const Disks& disks) : case_(crash_case) { put(case_, disks); }
  StateOnDisk(const StateOnDisk&) = delete;
  StateOnDisk& operator=(const StateOnDisk&) = delete;
  ~StateOnDisk() { put(case_, case_.before()); }

 private:
  const CrashCase& case_;
};

}  // namespace

testing::AssertionResult qemu_agrees(const CrashCase& crash_case, const Disks& disks) {
  const StateOnDisk state(crash_case, disks);
  if (const auto overlay = crash_case.overlay()) {
    const ProcessResult check = run({"qemu-img", "check", "-q", crash_case.files()[*overlay].path});
    if (!check.ok()) {
      return testing::AssertionFailure() << "qemu-img check: " << check.out << check.err;
    }
  }
  if (crash_case.recipe().qcow2_base) {
    // 3: leaked clusters, and nothing else.
    const ProcessResult check = run({"qemu-img", "check", "-q", crash_case.base()});
    if (check.status != 0 && check.status != 3) {
      return testing::AssertionFailure() << "qemu-img check of the base: " << check.out << check.err;
    }
  }
  const auto bytes = try_qemu_bytes(crash_case.active());
  return bytes ? same_bytes(crash_case.view(), *bytes)
               : testing::AssertionFailure() << "qemu-img convert does not read it";
}

}  // namespace qchain::test
