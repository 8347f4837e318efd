#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "live/qmp/client.h"
#include "tests/support/temp_dir.h"

namespace qchain::test {

/// A real QEMU without a guest: its processors stand still, and tests write to the disk through its monitor. All throw
/// std::runtime_error on failure.
class BareQemu {
 public:
  /// What a disk is made of.
  enum class Nodes : std::uint8_t {
    named,      ///< -blockdev: every node has a name, n1 is the base's
    drive,      ///< -drive: QEMU names the nodes
    throttled,  ///< as named, and the device reads through a throttle node
    nameless,   ///< as named, but the device has no id
  };
  /// Starts on the chain, bottom first: the first is raw, the others qcow2. `more`: on the command line.
  BareQemu(const std::string& folder, const std::vector<std::string>& chain, Nodes nodes = Nodes::named,
           const std::vector<std::string>& more = {});
  BareQemu(const BareQemu&) = delete;
  BareQemu& operator=(const BareQemu&) = delete;
  ~BareQemu();

  /// For qchain; the tests have another one.
  [[nodiscard]] std::string socket() const { return folder_ + "/qmp"; }
  [[nodiscard]] pid_t pid() const noexcept { return pid_; }

  /// As a guest would: "write -P 1 0 64k".
  void guest(const std::string& qemu_io_command);
  /// A command on the tests' own monitor.
  live::qmp::Json ask(const std::string& command, live::qmp::Json arguments = live::qmp::Json::object());
  void kill();

 private:
  std::string folder_;
  pid_t pid_ = -1;
  std::string device_;
  std::unique_ptr<live::qmp::Client> monitor_;
};

/// base.raw <- a.qcow2 <- b.qcow2 <- c.qcow2 with data of each, 32 MiB, relative names. Skipped where there is no QEMU,
/// but not under CI=true.
class BareLab : public testing::Test {
 protected:
  static constexpr const char* disk = "vda";

  void SetUp() override;

  void start(BareQemu::Nodes nodes = BareQemu::Nodes::named, const std::vector<std::string>& more = {});
  /// On images of other names, bottom first, in named nodes.
  void start_on(const std::vector<std::string>& chain) { qemu_ = std::make_unique<BareQemu>(folder_, chain); }
  [[nodiscard]] std::string file(const std::string& name) const { return folder_ + "/" + name; }
  /// What a guest reads through `image` by its own header, as QEMU tells: to be compared with what it read before.
  void expect_reads_as_before(const std::string& image, const std::string& format = "qcow2") const;
  /// Where the files are; before SetUp().
  std::string folder_;
  std::unique_ptr<BareQemu> qemu_;

 private:
  TempDir dir_;
};

}  // namespace qchain::test
