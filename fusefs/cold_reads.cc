#include "fusefs/cold_reads.h"

#include <algorithm>
#include <array>
#include <span>
#include <system_error>
#include <utility>

namespace qchain::fusefs {

std::unique_ptr<ColdReads> ColdReads::make() {
  auto memory = BlockMemory::make(most * largest);
  io_context_t context = nullptr;
  if (!memory || ::io_setup(most, &context) != 0) {
    return nullptr;
  }
  return std::unique_ptr<ColdReads>(new ColdReads(context, *std::move(memory)));
}

ColdReads::ColdReads(io_context_t context, BlockMemory memory)
    : context_(context), memory_(std::move(memory)), slots_(most) {
  for (Slot& slot : slots_) {
    free_.push_back(&slot);
  }
}

ColdReads::~ColdReads() {
  if (thread_.joinable()) {
    thread_.request_stop();
    thread_.join();
  }
  ::io_destroy(context_);
}

MutableBytes ColdReads::memory_of(const Slot& slot) const noexcept {
  return memory_.bytes().subspan(static_cast<std::size_t>(&slot - slots_.data()) * largest, largest);
}

/// Takes `done` where it gives a slot.
ColdReads::Slot* ColdReads::claim(const FilePiece& piece, Done& done) {
  const std::scoped_lock lock(mutex_);
  if (!usable_ || free_.empty() || piece.length > largest || !start_thread()) {
    return nullptr;
  }
  Slot* const slot = free_.back();
  free_.pop_back();
  ::io_prep_pread(&slot->control, piece.descriptor, memory_of(*slot).data(), piece.length,
                  static_cast<long long>(piece.offset));
  slot->control.data = slot;
  slot->done = std::move(done);
  return slot;
}

/// True where it has been started already. A process may have no more threads to have.
bool ColdReads::start_thread() noexcept {
  try {
    if (!thread_.joinable()) {
      thread_ = std::jthread([this](const std::stop_token& stop) { take_answers(stop); });
    }
  } catch (const std::system_error&) {
    usable_ = false;
  }
  return thread_.joinable();
}

ColdReads::Done ColdReads::take_done(Slot& slot) {
  const std::scoped_lock lock(mutex_);
  return std::move(slot.done);
}

void ColdReads::release(Slot& slot) {
  const std::scoped_lock lock(mutex_);
  free_.push_back(&slot);
}

void ColdReads::count_under_way(int change) {
  const std::scoped_lock lock(mutex_);
  under_way_ += change;
}

void ColdReads::read(const FilePiece& piece, Done done) {
  Slot* const slot = claim(piece, done);
  if (slot == nullptr) {
    return done(std::nullopt);
  }
  std::array<iocb*, 1> controls{&slot->control};
  if (::io_submit(context_, 1, controls.data()) != 1) {
    done = take_done(*slot);
    release(*slot);
    return done(std::nullopt);
  }
  count_under_way(1);
  changed_.notify_one();
}

/// Waits for it; false when asked to stop, and nothing is.
bool ColdReads::is_any_under_way(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  return changed_.wait(lock, stop, [this] { return under_way_ > 0; });
}

bool ColdReads::is_none_under_way() {
  const std::scoped_lock lock(mutex_);
  return under_way_ <= 0;
}

// Whoever reads what could not be read finds out why, and waits for that in this thread: so nothing more comes this way
// after a failure, and the others are answered first.
void ColdReads::take_answers(const std::stop_token& stop) {
  std::array<io_event, most> events{};
  std::vector<Done> failed;
  while (is_any_under_way(stop)) {
    const int count = ::io_getevents(context_, 1, most, events.data(), nullptr);  // negative: interrupted
    for (const io_event& event : std::span(events).first(static_cast<std::size_t>(std::max(count, 0)))) {
      answer(event, failed);
    }
    if (!failed.empty() && is_none_under_way()) {
      std::ranges::for_each(std::exchange(failed, {}), [](Done& done) { done(std::nullopt); });
    }
  }
}

void ColdReads::answer(const io_event& event, std::vector<Done>& failed) {
  Slot& slot = *static_cast<Slot*>(event.data);
  Done done = take_done(slot);
  const std::size_t wanted = event.obj->u.c.nbytes;
  if (event.res == wanted) {
    done(memory_of(slot).first(wanted));
  } else {
    usable_ = false;
    failed.push_back(std::move(done));
  }
  release(slot);
  count_under_way(-1);
}

}  // namespace qchain::fusefs
