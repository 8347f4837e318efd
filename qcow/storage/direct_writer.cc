#include "qcow/storage/direct_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "qcow/core/range.h"
#include "qcow/storage/direct_storage.h"

namespace qchain {
namespace {

constexpr std::size_t least_direct = std::size_t{32} << 10;
constexpr std::size_t most_direct = std::size_t{16} << 20;

}  // namespace

std::unique_ptr<DirectWriter> DirectWriter::open(int descriptor) {
  UniqueFd file = reopen_direct(descriptor, O_RDWR);
  return file.valid() ? std::unique_ptr<DirectWriter>(new DirectWriter(std::move(file))) : nullptr;
}

bool DirectWriter::suits(const WritePiece& piece) noexcept {
  const auto memory = reinterpret_cast<std::uintptr_t>(piece.bytes.data());
  const std::size_t size = piece.bytes.size();
  return size >= least_direct && size <= most_direct && is_aligned(piece.offset | size | memory, direct_block);
}

bool DirectWriter::write(std::span<const WritePiece> pieces) {
  if (pieces.empty()) {
    return true;
  }
  auto ring = take_ring();
  if (!ring) {
    return write_one_by_one(pieces);
  }
  if (!ring->write(file_.get(), pieces)) {
    return false;
  }
  const std::scoped_lock lock(mutex_);
  unused_.push_back(std::move(ring));
  return true;
}

std::unique_ptr<WriteRing> DirectWriter::take_ring() {
  const std::scoped_lock lock(mutex_);
  if (!unused_.empty()) {
    auto ring = std::move(unused_.back());
    unused_.pop_back();
    return ring;
  }
  auto made = may_have_rings_ ? WriteRing::make() : nullptr;
  may_have_rings_ = made != nullptr;
  return made;
}

bool DirectWriter::write_one_by_one(std::span<const WritePiece> pieces) const noexcept {
  return std::ranges::all_of(pieces, [this](const WritePiece& piece) {
    const auto offset = static_cast<off_t>(piece.offset);
    return std::cmp_equal(::pwrite(file_.get(), piece.bytes.data(), piece.bytes.size(), offset), piece.bytes.size());
  });
}

}  // namespace qchain
