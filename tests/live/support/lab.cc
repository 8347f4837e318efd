#include "tests/live/support/lab.h"

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string_view>

#include "tests/support/qemu.h"
#include "tests/support/seed.h"

namespace qchain::test {
namespace {

/// What the guest may have done after the last flush that was heard of: it flushes every 50 operations.
constexpr guest::Generation unheard = 200;

bool in_ci() {
  const char* ci = std::getenv("CI");  // NOLINT(concurrency-mt-unsafe): no other thread
  return ci != nullptr && std::string_view(ci) == "true";
}

}  // namespace

void Lab::SetUp() {
  if (!run({"sh", "-c", "command -v qemu-system-x86_64"}).ok()) {
    GTEST_SKIP() << "no qemu-system-x86_64 here";
  }
  const ProcessResult kernel = run({QCHAIN_SOURCE_DIR "/scripts/guest-kernel"});
  if (!kernel.ok()) {
    if (in_ci()) {
      FAIL() << kernel.err;
    }
    GTEST_SKIP() << kernel.err;
  }
  const std::string made = kernel.out.substr(0, kernel.out.find('\n'));
  kit_ = {.kernel = made + "/vmlinuz", .initramfs = dir_ / "initramfs"};
  must_run({QCHAIN_SOURCE_DIR "/tests/live/guest/initramfs", QCHAIN_GUEST_INIT, made, kit_.initramfs});
  seed_ = announced_seed();
}

std::unique_ptr<VirtualMachine> Lab::boot(const LiveChain& chain, const std::string& guest) const {
  return std::make_unique<VirtualMachine>(kit_, MachineOptions{.folder = chain.folder(),
                                                               .block = chain.block_arguments(),
                                                               .node = chain.active_node(),
                                                               .guest = guest_seed() + " " + guest});
}

void Lab::snapshot(VirtualMachine& machine, LiveChain& chain, const std::string& name) {
  const std::string below = chain.active_node();
  const std::string file = chain.add_overlay(name);
  Monitor& monitor = machine.monitor();
  monitor.execute("blockdev-add", file_node(name, file));
  monitor.execute("blockdev-add", format_node(name, "qcow2", {}));
  monitor.execute("blockdev-snapshot", {{"node", below}, {"overlay", name}});
}

void Lab::expect_unharmed(VirtualMachine& machine, const std::string& step) {
  expect_unharmed(machine.guest(), step);
  EXPECT_EQ(machine.monitor().count("STOP"), 0U) << step;
  EXPECT_EQ(machine.monitor().count("BLOCK_IO_ERROR"), 0U) << step;
}

void Lab::expect_unharmed(Guest& guest, const std::string& step) {
  const Guest::Report report = guest.report();
  EXPECT_EQ(guest.verify(), 0U) << step << ": " << guest.first_error();
  std::cout << step << ": " << report.done << " operations so far, longest stall "
            << static_cast<double>(report.stall.count()) / 1000 << " ms\n";
}

void Lab::expect_right_on_disk(VirtualMachine& machine, const std::string& image, const std::string& format) const {
  const guest::Generation done = machine.guest().pause();
  machine.quit();
  expect_right(machine.guest(), done, image, format);
}

void Lab::expect_right(const Guest& guest, guest::Generation done, const std::string& image,
                       const std::string& format) const {
  compare({.seed = seed_, .blocks = guest.blocks()}, done, done, image, format);
}

std::string Lab::active_file(VirtualMachine& machine) {
  return machine.monitor().execute("query-block").at(0).at("inserted").at("file");
}

void Lab::expect_right_after_kill(Guest& guest, const std::string& image, const std::string& format) const {
  const guest::Generation flushed = guest.flushed();
  compare({.seed = seed_, .blocks = guest.blocks()}, flushed, flushed + unheard, image, format);
}

void Lab::compare(const guest::Workload& workload, guest::Generation flushed, guest::Generation latest,
                  const std::string& image, const std::string& format) const {
  const std::string copy = dir_ / "copy.raw";
  must_run({"qemu-img", "convert", "-f", format, "-O", "raw", image, copy});
  ExpectedDisk expected(workload);
  expected.advance_to(flushed);
  const ExpectedDisk::Difference difference = expected.compare(copy, latest);
  EXPECT_EQ(difference.blocks, 0U) << image << ", " << flushed << " operations flushed: " << difference.first;
  std::filesystem::remove(copy);
}

}  // namespace qchain::test
