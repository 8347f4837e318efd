#include "qcow/storage/direct_storage.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "qcow/core/range.h"
#include "qcow/storage/block_memory.h"
#include "qcow/storage/file_storage.h"

namespace qchain {
namespace {

/// A file whose descriptor reads whole blocks only.
class DirectStorage final : public Storage {
 public:
  explicit DirectStorage(SharedStorage file) : file_(std::move(file)) {}

  [[nodiscard]] const std::string& name() const noexcept override { return file_->name(); }
  [[nodiscard]] std::uint64_t size() const noexcept override { return file_->size(); }
  [[nodiscard]] FileIdentity identity() const noexcept override { return file_->identity(); }
  [[nodiscard]] StorageFacts facts() const noexcept override { return file_->facts(); }
  [[nodiscard]] Result<StoredRun> run_at(std::uint64_t offset, std::uint64_t end) const override {
    return file_->run_at(offset, end);
  }
  void will_need(Range /*range*/) const noexcept override {}  // would fill the cache
  [[nodiscard]] int descriptor() const noexcept override { return file_->descriptor(); }

  [[nodiscard]] Result<std::size_t> read(std::uint64_t offset, MutableBytes into) const override {
    const Range wanted = intersect({offset, into.size()}, {0, size()});
    if (wanted.empty()) {
      return 0U;
    }
    const std::size_t given =
        is_direct(offset, into) ? QC_TRY(read_blocks(offset, into)) : QC_TRY(read_around(wanted, into));
    if (given < wanted.length) {
      return became_shorter(name(), offset + given);
    }
    return wanted.length;
  }

 private:
  /// By way of memory for the whole blocks.
  [[nodiscard]] Result<std::size_t> read_around(Range wanted, MutableBytes into) const {
    const Range blocks = range_between(align_down(wanted.start, direct_block), align_up(wanted.end(), direct_block));
    const BlockMemory memory = QC_TRY_IN(name(), BlockMemory::make(blocks.length));
    const std::size_t count = QC_TRY(read_blocks(blocks.start, memory.bytes()));
    const std::uint64_t skip = wanted.start - blocks.start;
    const std::uint64_t given = count > skip ? std::min(count - skip, wanted.length) : 0;
    std::memcpy(into.data(), memory.bytes().data() + skip, given);
    return given;
  }

  [[nodiscard]] static bool is_direct(std::uint64_t offset, MutableBytes into) noexcept {
    return is_aligned(offset | into.size() | reinterpret_cast<std::uintptr_t>(into.data()), direct_block);
  }

  /// Less than asked only at the end of the file, behind which no read may start.
  [[nodiscard]] Result<std::size_t> read_blocks(std::uint64_t offset, MutableBytes into) const {
    std::size_t done = 0;
    while (done < into.size() && is_aligned(done, direct_block)) {
      const std::size_t count = QC_TRY(read_once(offset + done, into.subspan(done)));
      if (count == 0) {
        break;
      }
      done += count;
    }
    return done;
  }

  [[nodiscard]] Result<std::size_t> read_once(std::uint64_t offset, MutableBytes into) const {
    ssize_t count = -1;
    do {
      count = ::pread(descriptor(), into.data(), into.size(), static_cast<off_t>(offset));
    } while (count < 0 && errno == EINTR);
    if (count < 0) {
      return std::unexpected(std::move(fail_errno(errno, "cannot read", name())).error().at(offset));
    }
    return static_cast<std::size_t>(count);
  }

  SharedStorage file_;
};

}  // namespace

SharedStorage make_direct(SharedStorage file) {
  return std::make_shared<const DirectStorage>(std::move(file));
}

UniqueFd reopen_direct(int descriptor, int flags) noexcept {
  const std::string name = "/proc/self/fd/" + std::to_string(descriptor);
  return UniqueFd(::open(name.c_str(), flags | O_DIRECT | O_CLOEXEC));
}

}  // namespace qchain
