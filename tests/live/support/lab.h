#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/live/support/expected_disk.h"
#include "tests/live/support/live_chain.h"
#include "tests/live/support/virtual_machine.h"
#include "tests/support/temp_dir.h"

namespace qchain::test {

/// Tests with a real QEMU and the test guest. Where QEMU or the guest's kernel can't be had they are skipped with the
/// reason; under CI=true they fail where QEMU is there.
class Lab : public testing::Test {
 protected:
  static constexpr std::uint64_t disk_size = std::uint64_t{64} << 20;

  void SetUp() override;

  [[nodiscard]] const GuestKit& kit() const noexcept { return kit_; }
  [[nodiscard]] std::string guest_seed() const { return "guest.seed=" + std::to_string(seed_); }
  [[nodiscard]] std::uint64_t guest_seed_number() const noexcept { return seed_; }
  [[nodiscard]] const TempDir& folder() const noexcept { return dir_; }

  /// Starts the guest on `chain`, whose files lie in any folder.
  [[nodiscard]] std::unique_ptr<VirtualMachine> boot(const LiveChain& chain, const std::string& guest = {}) const;
  /// An external snapshot by the monitor, not by qchain: `name` is then the active node. The guest's word for it is
  /// work.
  static void snapshot(VirtualMachine& machine, LiveChain& chain, const std::string& name);

  /// The guest reads its whole disk without an error, and QEMU never stopped it. Prints the longest stall as `step`'s.
  static void expect_unharmed(VirtualMachine& machine, const std::string& step);
  /// The same by the guest's word alone.
  static void expect_unharmed(Guest& guest, const std::string& step);
  /// File of the image that the guest writes to, by QEMU's word.
  [[nodiscard]] static std::string active_file(VirtualMachine& machine);
  /// Ends the machine, and compares what QEMU reads of `image` with what the guest did, without asking the guest.
  void expect_right_on_disk(VirtualMachine& machine, const std::string& image,
                            const std::string& format = "qcow2") const;
  /// The same of a guest that was paused after `done` operations, and whose machine has ended since.
  void expect_right(const Guest& guest, guest::Generation done, const std::string& image,
                    const std::string& format) const;
  /// The same after a kill: what the guest has not flushed may be missing.
  void expect_right_after_kill(Guest& guest, const std::string& image, const std::string& format = "qcow2") const;

 private:
  void compare(const guest::Workload& workload, guest::Generation flushed, guest::Generation latest,
               const std::string& image, const std::string& format) const;

  TempDir dir_;
  GuestKit kit_;
  std::uint64_t seed_ = 0;
};

}  // namespace qchain::test
