#include "tests/support/recording_storage.h"

#include <algorithm>

namespace qchain::test {
namespace {

constexpr std::uint64_t sector = 512;

/// The part of a write or zero step that lies in `part`.
void apply_part(const LoggedStep& step, Range part, ByteVector& disk) {
  if (disk.size() < part.end()) {
    disk.resize(part.end());
  }
  const MutableBytes target = MutableBytes(disk).subspan(part.start, part.length);
  if (step.kind == LoggedStep::Kind::write) {
    std::ranges::copy(Bytes(step.bytes).subspan(part.start - step.range.start, part.length), target.begin());
  } else {
    std::ranges::fill(target, std::byte{0});
  }
}

void apply(const LoggedStep& step, ByteVector& disk) {
  if (step.kind == LoggedStep::Kind::resize) {
    disk.resize(step.range.length);
  } else {
    apply_part(step, step.range, disk);
  }
}

void apply_torn(const LoggedStep& step, ByteVector& disk, Random& random) {
  if (step.kind == LoggedStep::Kind::resize) {
    if (random.chance(50)) {
      apply(step, disk);
    }
    return;
  }
  for (std::uint64_t start = step.range.start; start < step.range.end();) {
    const std::uint64_t end = std::min(align_down(start, sector) + sector, step.range.end());
    if (random.chance(50)) {
      apply_part(step, range_between(start, end), disk);
    }
    start = end;
  }
}

}  // namespace

Result<void> RecordingStorage::write(std::uint64_t offset, Bytes bytes) {
  log_.push_back({number_, LoggedStep::Kind::write, {offset, bytes.size()}, {bytes.begin(), bytes.end()}});
  return inner().write(offset, bytes);
}

Result<void> RecordingStorage::zero(Range range) {
  log_.push_back({number_, LoggedStep::Kind::zero, range, {}});
  return inner().zero(range);
}

Result<CloneAnswer> RecordingStorage::clone(const Storage& source, std::uint64_t source_offset, Range target) {
  const CloneAnswer answer = QC_TRY(inner().clone(source, source_offset, target));
  if (answer == CloneAnswer::cloned) {
    ByteVector bytes(target.length);
    QC_TRY(source.read_padded(source_offset, bytes));
    log_.push_back({number_, LoggedStep::Kind::write, target, std::move(bytes)});
  }
  return answer;
}

Result<void> RecordingStorage::resize(std::uint64_t length) {
  log_.push_back({number_, LoggedStep::Kind::resize, {0, length}, {}});
  return inner().resize(length);
}

Result<void> RecordingStorage::sync() {
  log_.push_back({number_, LoggedStep::Kind::sync, {}, {}});
  return inner().sync();
}

void CrashReplay::advance() {
  const LoggedStep& step = log_[next_];
  if (step.kind != LoggedStep::Kind::sync) {
    window_.push_back(next_++);
    return;
  }
  ++next_;
  std::erase_if(window_, [&](std::size_t index) {
    const bool durable = log_[index].storage == step.storage;
    if (durable) {
      apply(log_[index], disks_[step.storage]);
    }
    return durable;
  });
}

std::vector<ByteVector> CrashReplay::crash(const std::function<Fate(std::size_t)>& fate, Random& random) const {
  std::vector<ByteVector> disks = disks_;
  for (std::size_t i = 0; i < window_.size(); ++i) {
    const LoggedStep& step = log_[window_[i]];
    switch (fate(i)) {
      case Fate::kept:
        apply(step, disks[step.storage]);
        break;
      case Fate::torn:
        apply_torn(step, disks[step.storage], random);
        break;
      case Fate::lost:
        break;
    }
  }
  return disks;
}

}  // namespace qchain::test
