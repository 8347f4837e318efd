#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "live/live_commit.h"
#include "live/qmp/open.h"
#include "qcow/commit/commit.h"
#include "tests/live/bare/bare_qemu.h"
#include "tests/live/bare/cut_off_machine.h"
#include "tests/support/files.h"
#include "tests/support/qemu.h"

namespace qchain::test {

using live::AtTimeout;
using live::Ending;
using live::EngineChoice;
using live::LiveReport;
using live::LiveRequest;

/// Commits of base.raw <- a <- b <- c under a QEMU without a guest.
class CommitLive : public BareLab {
 protected:
  /// A run of qchain; what it says is in said_.
  Result<LiveReport> commit(const LiveRequest& request, CutOffMachine& machine) {
    said_.clear();
    auto report = live::commit_live(request, {.machine = machine,
                                              .records = records_,
                                              .progress = [](std::uint64_t, std::uint64_t) {},
                                              .verify_progress = [](std::uint64_t, std::uint64_t) {},
                                              .say = [this](const std::string& line) { said_.push_back(line); },
                                              .stop = stop_.get_token()});
    machine.disconnect();  // QEMU talks to one at a time
    return report;
  }
  Result<LiveReport> commit(const LiveRequest& request) {
    CutOffMachine machine(open());
    return commit(request, machine);
  }
  /// One that is cut off: how far it came, the machine and the files tell.
  void commit_in_part(const LiveRequest& request, CutOffMachine& machine) {
    try {
      [[maybe_unused]] const auto report = commit(request, machine);
    } catch (const Killed&) {
      machine.disconnect();
    }
  }
  [[nodiscard]] std::unique_ptr<live::Machine> open() const {
    auto machine = live::open_qmp(qemu_->socket());
    if (!machine) {
      throw std::runtime_error(describe(machine.error()));
    }
    return *std::move(machine);
  }
  [[nodiscard]] static LiveRequest below_active() {
    LiveRequest request;
    request.disk = disk;
    request.layers = {.base = "vda[1]", .top = "vda[3]"};
    return request;
  }
  [[nodiscard]] static LiveRequest active(Ending ending) {
    LiveRequest request;
    request.disk = disk;
    request.ending = ending;
    return request;
  }
  [[nodiscard]] std::vector<std::string> chain_in_qemu() const {
    std::vector<std::string> names;
    const auto machine = open();
    const auto disks = machine->disks();
    for (const live::DiskLayer& layer : disks->at(0).layers) {
      names.push_back(std::filesystem::path(layer.file).filename().string());
    }
    return names;
  }
  [[nodiscard]] bool job_is_left() const { return !qemu_->ask("query-jobs").empty(); }
  [[nodiscard]] std::optional<CommitRecord> record() const { return *FileRecordStore(file("base.raw")).load(); }
  [[nodiscard]] static std::unique_ptr<RecordStore> records(const std::string& base) {
    return std::make_unique<FileRecordStore>(base);
  }
  /// What finishes it when the guest is no more.
  [[nodiscard]] Result<CommitReport> commit_offline() const { return commit_offline(file("c.qcow2"), "b.qcow2"); }
  [[nodiscard]] Result<CommitReport> commit_offline(const std::string& image, const std::string& top) const {
    FileGate looking(Locking::none);
    FileWritingGate working;
    CommitRequest request;
    request.image = image;
    request.layers = {.base = file("base.raw"), .top = file(top)};
    return qchain::commit(request,
                          {.looking = looking, .working = working, .records = records, .progress = {}, .stop = {}});
  }
  /// Of another client of QEMU's; it takes longer than any test.
  void start_foreign_job() const {
    qemu_->ask("block-commit", {{"job-id", "theirs"},
                                {"device", "n4"},
                                {"base-node", "n1"},
                                {"top-node", "n2"},
                                {"speed", 1},
                                {"auto-dismiss", false}});
  }
  /// Ends a job, and forgets it.
  void cancel_job(const char* id) const {
    qemu_->ask("job-cancel", {{"id", id}});
    for (int tries = 0; tries < 1000 && qemu_->ask("query-jobs").at(0).at("status") != "concluded"; ++tries) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    qemu_->ask("job-dismiss", {{"id", id}});
  }
  /// After a pivot: QEMU has nothing open any more but the base.
  void expect_only_base_open() {
    EXPECT_EQ(chain_in_qemu(), std::vector<std::string>{"base.raw"});
    EXPECT_FALSE(job_is_left());
    EXPECT_FALSE(std::filesystem::exists(file("c.qcow2.qchain-live")));
    const auto nodes = qemu_->ask("query-named-block-nodes", {{"flat", true}});
    EXPECT_EQ(nodes.size(), 2U) << "more are open than the base's format and its file";
    for (const auto& node : nodes) {
      EXPECT_EQ(node.at("file"), file("base.raw")) << "still open";
    }
  }
  void expect_all_in_base() {
    EXPECT_EQ(chain_in_qemu(), (std::vector<std::string>{"base.raw", "c.qcow2"}));
    EXPECT_FALSE(job_is_left());
    EXPECT_EQ(record()->state, CommitState::verified);
    qemu_->guest("flush");
    expect_reads_as_before(file("c.qcow2"));
  }

  std::vector<std::string> said_;
  std::stop_source stop_;
  std::function<std::unique_ptr<RecordStore>(const std::string& base)> records_ = records;  ///< of commit()
};

inline const std::vector<std::string> whole_chain{"base.raw", "a.qcow2", "b.qcow2", "c.qcow2"};

}  // namespace qchain::test
