#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "qcow/commit/commit.h"
#include "tests/commit/crash/faults.h"
#include "tests/support/recording_storage.h"

namespace qchain::test {

/// A real file whose bytes are simulated: name and identity stay those of the real one, because the engine asks the
/// system which names mean one file.
struct SimFile {
  std::string path;
  FileIdentity identity;
  int descriptor = -1;  ///< of the real file, for simulations of shared blocks; else -1
};

/// The texts of all records that were ever saved. On a simulated disk the record is the number of its text: eight
/// bytes, so that a crash leaves the old or the new one, as a rename does.
using RecordTexts = std::vector<std::string>;

/// The disks of a machine: one a file, in the order of the SimFiles, then the one of the record (empty: no record).
using Disks = std::vector<ByteVector>;

/// What is to happen beside the simulation itself; null: nothing.
struct SimHooks {
  WriteLog* log = nullptr;      ///< takes all steps; the record's disk is the last one
  FaultPlan* faults = nullptr;  ///< decides which operation fails
};

/// A machine in memory that runs commits of one chain. The base is the first file. Not thread-safe beyond what a commit
/// needs; `texts` outlives it.
class SimMachine {
 public:
  SimMachine(const std::vector<SimFile>& files, Disks disks, RecordTexts& texts, SimHooks hooks = {});
  ~SimMachine();
  SimMachine(const SimMachine&) = delete;
  SimMachine& operator=(const SimMachine&) = delete;

  /// Runs the engine's commit(). `progress` may be empty.
  [[nodiscard]] Result<CommitReport> run_commit(const CommitRequest& request,
                                                std::function<void(std::uint64_t, std::uint64_t)> progress = {});

  /// Runs the engine's plan_only().
  [[nodiscard]] Result<CommitPlan> run_plan(const CommitRequest& request);

  /// What any process on this machine reads now.
  [[nodiscard]] Disks disks() const;
  [[nodiscard]] Result<ByteVector> read_view(const std::string& image, std::optional<ImageFormat> format = {});
  [[nodiscard]] std::optional<CommitRecord> record() const;

 private:
  class Machinery;
  std::unique_ptr<Machinery> machinery_;
};

/// The record that a disk holds.
[[nodiscard]] std::optional<CommitRecord> record_on(Bytes disk, const RecordTexts& texts);

}  // namespace qchain::test
