#pragma once

#include <utility>
#include <vector>

#include "qcow/storage/gate.h"
#include "qcow/storage/writable_storage.h"

namespace qchain {

/// The gate of a command that writes: opens the files it was told of for writing, all others for reading, and locks
/// each accordingly. A file is opened once: its reader and its writer are the same object.
class WritingGate : public Gate {
 public:
  /// Before the chain is opened: this file is going to be written.
  virtual void will_write(FileIdentity file) = 0;
  /// Before the chain is opened: a run that was cut off may have written to these files. What it wrote is made durable
  /// as they are opened, and read anew from the disk: after a sync that failed, memory holds what the disk never got.
  virtual void expect_leftovers() = 0;
  /// What was opened for writing, or null. Shared with the chain that was opened through this gate.
  [[nodiscard]] virtual SharedWritable writable(FileIdentity file) const = 0;
  /// Before another chain is opened: nothing is going to be written any more of what was announced so far. What is open
  /// is closed, and its locks end, when its last user goes.
  virtual void forget() = 0;
};

/// For local files, with QEMU's locks: write and resize on the files to be written, which nobody else may even read
/// meanwhile (but without locks); shared reading on the rest. Nobody else may write or resize any of them until they
/// are closed.
class FileWritingGate final : public WritingGate {
 public:
  explicit FileWritingGate(AllowedFolders allowed = {}) noexcept : allowed_(std::move(allowed)) {}
  [[nodiscard]] Result<SharedStorage> open(const OpenRequest& request) override;
  void will_write(FileIdentity file) override { announced_.push_back(file); }
  void expect_leftovers() override { expects_leftovers_ = true; }
  [[nodiscard]] SharedWritable writable(FileIdentity file) const override;
  void forget() override;

 private:
  [[nodiscard]] Result<SharedStorage> open_for_reading(const OpenRequest& request);
  [[nodiscard]] Result<SharedStorage> open_for_writing(const OpenRequest& request);

  AllowedFolders allowed_;
  bool expects_leftovers_ = false;
  std::vector<FileIdentity> announced_;
  std::vector<SharedWritable> opened_;
};

}  // namespace qchain
