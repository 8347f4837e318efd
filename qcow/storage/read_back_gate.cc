#include "qcow/storage/read_back_gate.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

#include "qcow/core/range.h"
#include "qcow/storage/file_storage.h"

namespace qchain {
namespace {

/// What O_DIRECT wants of offsets, lengths and memory, at the most.
constexpr std::uint64_t direct_block = 4096;

struct Free {
  void operator()(void* memory) const noexcept { std::free(memory); }
};

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
    const Range blocks = range_between(align_down(wanted.start, direct_block), align_up(wanted.end(), direct_block));
    const std::unique_ptr<void, Free> memory(std::aligned_alloc(direct_block, blocks.length));
    if (memory == nullptr) {
      return fail_errno(ENOMEM, "cannot read", name());
    }
    const MutableBytes bytes(static_cast<std::byte*>(memory.get()), blocks.length);
    const std::size_t count = QC_TRY(read_blocks(blocks.start, bytes));
    const std::uint64_t skip = wanted.start - blocks.start;
    const std::uint64_t given = count > skip ? std::min(count - skip, wanted.length) : 0;
    std::memcpy(into.data(), bytes.data() + skip, given);
    return given;
  }

 private:
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

/// Only pages that are on the disk can be dropped.
Result<void> drop_cache(const Storage& file) {
  if (::fdatasync(file.descriptor()) != 0) {
    return fail_errno(errno, "cannot write to stable storage", file.name());
  }
  ::posix_fadvise(file.descriptor(), 0, 0, POSIX_FADV_DONTNEED);
  return {};
}

}  // namespace

Result<SharedStorage> ReadBackGate::open(const OpenRequest& request) {
  SharedStorage file = QC_TRY(FileGate(Locking::shared_read).open(request));
  QC_TRY(drop_cache(*file));
  const int flags = ::fcntl(file->descriptor(), F_GETFL);
  if (flags < 0 || ::fcntl(file->descriptor(), F_SETFL, flags | O_DIRECT) != 0) {
    return file;  // this file system knows no such reading
  }
  auto direct = std::make_shared<const DirectStorage>(file);
  std::array<std::byte, 1> first{};
  if (!direct->read(0, first)) {
    ::fcntl(file->descriptor(), F_SETFL, flags);  // it does, but not in blocks of this size
    return file;
  }
  return direct;
}

}  // namespace qchain
