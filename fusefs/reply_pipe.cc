#include "fusefs/reply_pipe.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "fusefs/thread_buffer.h"

namespace qchain::fusefs {
namespace {

constexpr std::size_t page = 4096;
/// libfuse sends the bytes on through a pipe of its own, as large as this one at the most, with the reply's header in
/// it.
constexpr std::size_t pages_for_header = 4;

/// Pages of a file that a piece touches: each takes one of the pipe's slots.
std::size_t pages_of(const FilePiece& piece) {
  return (piece.offset + piece.length - 1) / page - piece.offset / page + 1;
}

bool is_empty(int pipe) {
  pollfd waiting{pipe, POLLIN, 0};
  return ::poll(&waiting, 1, 0) == 0;
}

bool move_into(int pipe, const FilePiece& piece) {
  auto offset = static_cast<off64_t>(piece.offset);
  for (std::size_t left = piece.length; left > 0;) {
    // NONBLOCK is about the pipe alone: nobody empties it meanwhile, so a wait for room would never end.
    const ssize_t moved = ::splice(piece.descriptor, &offset, pipe, nullptr, left, SPLICE_F_NONBLOCK);
    if (moved < 0 && errno == EINTR) {
      continue;
    }
    if (moved <= 0) {
      return false;
    }
    left -= static_cast<std::size_t>(moved);
  }
  return true;
}

}  // namespace

ReplyPipe::ReplyPipe(std::size_t bytes) noexcept : wanted_(bytes) {
  reset();
}

void ReplyPipe::reset() noexcept {
  pages_ = 0;
  std::array<int, 2> ends{};
  if (wanted_ == 0 || ::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return;
  }
  read_end_ = UniqueFd(ends[0]);
  write_end_ = UniqueFd(ends[1]);
  const int size = ::fcntl(write_end_.get(), F_SETPIPE_SZ, static_cast<int>(wanted_));
  pages_ = size > 0 ? static_cast<std::size_t>(size) / page : 0;
}

bool ReplyPipe::has_room_for(std::span<const FilePiece> pieces) const noexcept {
  std::size_t needed = pages_for_header;
  for (const FilePiece& piece : pieces) {
    needed += pages_of(piece);
  }
  return needed <= pages_;
}

bool ReplyPipe::fill(std::span<const FilePiece> pieces) noexcept {
  if (!has_room_for(pieces)) {
    return false;
  }
  if (!is_empty(read_end_.get())) {
    reset();  // an earlier reply was given up half-way
  }
  const bool moved =
      std::ranges::all_of(pieces, [this](const FilePiece& piece) { return move_into(write_end_.get(), piece); });
  if (!moved) {
    reset();
  }
  return moved;
}

ReplyPipe& thread_pipe() {
  thread_local ReplyPipe pipe(max_reply);  // NOLINT(misc-use-internal-linkage): it is inside a function
  return pipe;
}

}  // namespace qchain::fusefs
