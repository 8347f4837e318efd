#include "live/libvirt/event_loop.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>

namespace qchain::live {
namespace {

/// Both may happen once in a process only, and before any connection.
void begin_once() {
  static std::once_flag begun;
  std::call_once(begun, [] {
    ::virEventRegisterDefaultImpl();
    ::virSetErrorFunc(nullptr, [](void*, virErrorPtr) {});  // it would print to stderr
  });
}

}  // namespace

EventLoop::EventLoop() : wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  begin_once();
  const auto drain = [](int, int descriptor, int, void*) {
    eventfd_t value = 0;
    ::eventfd_read(descriptor, &value);
  };
  watch_ = ::virEventAddHandle(wake_.get(), VIR_EVENT_HANDLE_READABLE, drain, nullptr, nullptr);
  timer_ = ::virEventAddTimeout(-1, [](int, void*) {}, nullptr, nullptr);
}

EventLoop::~EventLoop() {
  ::virEventRemoveTimeout(timer_);
  ::virEventRemoveHandle(watch_);
}

void EventLoop::wake() const noexcept {
  ::eventfd_write(wake_.get(), 1);
}

void EventLoop::run_once(Clock::time_point until) const {
  constexpr std::chrono::milliseconds longest{1000};
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
  ::virEventUpdateTimeout(timer_, static_cast<int>(std::clamp(left, std::chrono::milliseconds(0), longest).count()));
  ::virEventRunDefaultImpl();
  ::virEventUpdateTimeout(timer_, -1);
}

}  // namespace qchain::live
