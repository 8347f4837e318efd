#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "tests/support/bytes_of.h"
#include "tests/support/forwarding_storage.h"
#include "tests/support/seed.h"

namespace qchain::test {

/// One change of a recorded storage, or a sync of it.
struct LoggedStep {
  enum class Kind : std::uint8_t { write, zero, resize, sync };
  std::size_t storage = 0;  ///< number of the storage, as given to RecordingStorage
  Kind kind = Kind::write;
  Range range;       ///< resize: `start` is 0, `length` the new length
  ByteVector bytes;  ///< write
};
/// The steps of any number of storages, in the order in which they were made. Clones are logged as writes.
using WriteLog = std::vector<LoggedStep>;

/// Logs what changes a storage. The log outlives it.
class RecordingStorage final : public ForwardingStorage {
 public:
  RecordingStorage(SharedWritable storage, std::size_t number, WriteLog& log)
      : ForwardingStorage(std::move(storage)), number_(number), log_(log) {}

  [[nodiscard]] Result<void> write(std::uint64_t offset, Bytes bytes) override;
  [[nodiscard]] Result<void> zero(Range range) override;
  [[nodiscard]] Result<CloneAnswer> clone(const Storage& source, std::uint64_t source_offset, Range target) override;
  [[nodiscard]] Result<void> resize(std::uint64_t length) override;
  [[nodiscard]] Result<void> sync() override;

 private:
  std::size_t number_;
  WriteLog& log_;
};

/// What a crash does to a step that was not synced.
enum class Fate : std::uint8_t {
  kept,
  lost,
  torn,  ///< each 512-byte sector of it is kept or lost by itself
};

/// Plays a log step by step, and gives the states that a crash at that moment may leave on the disks: what was synced
/// is there, of all else any part.
class CrashReplay {
 public:
  /// `disks`: what each storage held before the log. The log outlives it.
  CrashReplay(std::vector<ByteVector> disks, const WriteLog& log) : disks_(std::move(disks)), log_(log) {}

  [[nodiscard]] bool at_end() const noexcept { return next_ == log_.size(); }
  [[nodiscard]] const LoggedStep& next_step() const { return log_[next_]; }
  /// The crash now happens after the next step.
  void advance();
  /// Steps that may be lost.
  [[nodiscard]] std::size_t unsynced() const noexcept { return window_.size(); }

  /// The disks after a crash; `fate` is asked for each unsynced step, by its number among them.
  [[nodiscard]] std::vector<ByteVector> crash(const std::function<Fate(std::size_t)>& fate, Random& random) const;

 private:
  std::vector<ByteVector> disks_;
  const WriteLog& log_;
  std::size_t next_ = 0;
  std::vector<std::size_t> window_;  ///< indices of the log
};

}  // namespace qchain::test
