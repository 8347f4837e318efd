#pragma once

#include <libaio.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "fusefs/file_piece.h"
#include "qcow/core/bytes.h"
#include "qcow/storage/block_memory.h"

namespace qchain::fusefs {

/// Many small reads past the page cache at once, without a thread for each: the kernel's asynchronous reads, and one
/// thread that takes what has come. io_uring would hand each answer to the thread that asked, which is busy with the
/// next request by then. Thread-safe.
class ColdReads {
 public:
  /// Called once: with the bytes, which are gone when it returns, or with none where they could not be had in this way.
  /// By the thread that asked, or by this object's own.
  using Done = std::move_only_function<void(std::optional<Bytes> bytes)>;

  static constexpr std::size_t largest = std::size_t{16} << 10;  ///< bytes of one read
  static constexpr std::size_t most = 64;                        ///< at once; as many as the kernel's FUSE asks for

  /// Before the sandbox. Null where the kernel has no asynchronous reads to give.
  [[nodiscard]] static std::unique_ptr<ColdReads> make();
  ColdReads(const ColdReads&) = delete;
  ColdReads& operator=(const ColdReads&) = delete;
  /// Ends when all that is under way has been answered.
  ~ColdReads();

  /// False once a read has failed: then all are left to whoever can say what is wrong.
  [[nodiscard]] bool is_usable() const noexcept { return usable_; }

  /// `piece`: of a file that is open for direct reading, in whole blocks; it stays open until `done` is called.
  void read(const FilePiece& piece, Done done);

 private:
  struct Slot {
    iocb control{};
    Done done;
  };

  ColdReads(io_context_t context, BlockMemory memory);
  [[nodiscard]] MutableBytes memory_of(const Slot& slot) const noexcept;
  [[nodiscard]] Slot* claim(const FilePiece& piece, Done& done);
  [[nodiscard]] Done take_done(Slot& slot);
  void release(Slot& slot);
  void count_under_way(int change);
  [[nodiscard]] bool start_thread() noexcept;
  [[nodiscard]] bool is_any_under_way(const std::stop_token& stop);
  [[nodiscard]] bool is_none_under_way();
  void take_answers(const std::stop_token& stop);
  void answer(const io_event& event, std::vector<Done>& failed);

  io_context_t context_;
  BlockMemory memory_;  ///< `largest` bytes for each slot
  std::vector<Slot> slots_;
  std::atomic<bool> usable_ = true;
  std::mutex mutex_;  ///< guards the slots, but not their memory, and what follows
  std::condition_variable_any changed_;
  std::vector<Slot*> free_;
  int under_way_ = 0;    ///< for a moment one too few: the answer may come before the read is counted
  std::jthread thread_;  ///< starts with the first read; joined before the rest is destroyed
};

}  // namespace qchain::fusefs
