#include "qcow/storage/write_ring.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace qchain {
namespace {

constexpr unsigned at_once = 64;

}  // namespace

std::unique_ptr<WriteRing> WriteRing::make() {
  std::unique_ptr<WriteRing> made(new WriteRing);
  if (::io_uring_queue_init(at_once, &made->ring_, 0) == 0) {
    return made;
  }
  made->ring_.ring_fd = -1;
  return nullptr;
}

WriteRing::~WriteRing() {
  if (ring_.ring_fd >= 0) {
    ::io_uring_queue_exit(&ring_);
  }
}

bool WriteRing::write(int descriptor, std::span<const WritePiece> pieces) noexcept {
  bool all = true;
  while (!pieces.empty() && all) {
    const auto some = pieces.first(std::min<std::size_t>(pieces.size(), at_once));
    all = write_some(descriptor, some);
    pieces = pieces.subspan(some.size());
  }
  return all;
}

bool WriteRing::write_some(int descriptor, std::span<const WritePiece> pieces) noexcept {
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    io_uring_sqe* entry = ::io_uring_get_sqe(&ring_);  // never null: the queue is empty, and not shorter than this
    ::io_uring_prep_write(entry, descriptor, pieces[i].bytes.data(), static_cast<unsigned>(pieces[i].bytes.size()),
                          pieces[i].offset);
    entry->user_data = i;
  }
  std::size_t started = 0;
  bool all = true;
  while (started < pieces.size() && all) {
    const int count = ::io_uring_submit(&ring_);
    all = count > 0 || count == -EINTR;
    started += count > 0 ? static_cast<std::size_t>(count) : 0;
  }
  for (std::size_t i = 0; i < started; ++i) {
    io_uring_cqe* done = nullptr;
    while (::io_uring_wait_cqe(&ring_, &done) != 0) {  // what has begun reads the caller's memory until it is done
    }
    all = all && std::cmp_equal(done->res, pieces[done->user_data].bytes.size());
    ::io_uring_cqe_seen(&ring_, done);
  }
  return all;
}

}  // namespace qchain
