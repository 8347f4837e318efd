#pragma once

#include <cstddef>
#include <span>

#include "fusefs/file_piece.h"
#include "qcow/storage/unique_fd.h"

namespace qchain::fusefs {

/// Takes stored bytes to the kernel's FUSE as pages of its own page cache (splice), which saves a copy through our
/// memory. Pages are shared, never moved: a layer's page cache stays what it is. Belongs to one thread.
class ReplyPipe {
 public:
  /// A pipe that takes nothing: every reply goes through memory.
  ReplyPipe() = default;
  /// Room for a reply of `bytes`; takes nothing if there can't be such a pipe (limits of an ordinary user).
  explicit ReplyPipe(std::size_t bytes) noexcept;

  /// Puts all of the pieces, and nothing else, into the pipe. False where they don't fit, a file ends early or can't be
  /// read: then reading the ordinary way says what is wrong. Reads from disk what is not in memory.
  [[nodiscard]] bool fill(std::span<const FilePiece> pieces) noexcept;
  /// Where the bytes come out; what nobody takes is gone with the next fill().
  [[nodiscard]] int read_end() const noexcept { return read_end_.get(); }

 private:
  void reset() noexcept;
  [[nodiscard]] bool has_room_for(std::span<const FilePiece> pieces) const noexcept;

  std::size_t wanted_ = 0;  ///< bytes
  std::size_t pages_ = 0;   ///< that it takes
  UniqueFd read_end_;
  UniqueFd write_end_;
};

/// The calling thread's own pipe for replies of up to max_reply bytes, made on first use.
[[nodiscard]] ReplyPipe& thread_pipe();

}  // namespace qchain::fusefs
