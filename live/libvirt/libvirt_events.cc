#include "live/libvirt/libvirt_machine.h"

namespace qchain::live {

namespace {

/// The end of a job of this disk, by libvirt's word.
std::optional<Phase> phase_of(int status, bool was_left) {
  switch (status) {
    case VIR_DOMAIN_BLOCK_JOB_COMPLETED:
      return Phase::completed;
    case VIR_DOMAIN_BLOCK_JOB_FAILED:
      return Phase::failed;
    case VIR_DOMAIN_BLOCK_JOB_CANCELED:
      return was_left ? Phase::completed : Phase::cancelled;
    case VIR_DOMAIN_BLOCK_JOB_READY:
      return Phase::ready;
    default:
      return std::nullopt;
  }
}

}  // namespace

Result<void> LibvirtMachine::hear(int id, virConnectDomainEventGenericCallback callback) {
  const int registered = loop_->while_turning([&] {
    return ::virConnectDomainEventRegisterAny(connection_.get(), domain_.get(), id, callback, this, nullptr);
  });
  if (registered < 0) {
    return std::unexpected(failed("cannot listen to events"));
  }
  callbacks_.push_back(registered);
  return {};
}

Result<void> LibvirtMachine::listen() {
  const virConnectDomainEventBlockJobCallback on_job = [](virConnectPtr, virDomainPtr, const char* disk, int type,
                                                          int status, void* self) {
    if (is_commit(type)) {
      static_cast<LibvirtMachine*>(self)->note_job(disk, status);
    }
  };
  const virConnectDomainEventCallback on_life = [](virConnectPtr, virDomainPtr, int event, int, void* self) {
    static_cast<LibvirtMachine*>(self)->note_life(event);
    return 0;
  };
  QC_TRY(hear(VIR_DOMAIN_EVENT_ID_BLOCK_JOB_2, VIR_DOMAIN_EVENT_CALLBACK(on_job)));
  QC_TRY(hear(VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_life)));
  ::virConnectRegisterCloseCallback(connection_.get(), on_close, this, nullptr);
  return {};
}

void LibvirtMachine::note_job(const std::string& disk, int status) {
  const auto phase = phase_of(status, left_.contains(disk));
  if (!phase) {
    return;
  }
  const std::uint64_t all = *phase == Phase::completed || *phase == Phase::ready ? sizes_[disk] : 0;
  JobState state{.job = disk, .phase = *phase, .done = all, .total = all, .reason = {}};
  if (state.phase == Phase::failed) {
    state.reason = "QEMU reported an error; libvirt does not tell which (the domain's log may)";
  }
  if (state.is_over()) {
    over_[disk] = state;
  }
  events_.push_back({.kind = Event::Kind::job, .state = state});
}

void LibvirtMachine::note_life(int event) {
  switch (event) {
    case VIR_DOMAIN_EVENT_SUSPENDED:
      return events_.push_back({.kind = Event::Kind::stopped, .state = {}});
    case VIR_DOMAIN_EVENT_RESUMED:
      return events_.push_back({.kind = Event::Kind::resumed, .state = {}});
    case VIR_DOMAIN_EVENT_STOPPED:
    case VIR_DOMAIN_EVENT_CRASHED:
      return events_.push_back({.kind = Event::Kind::gone, .state = {}});
    default:
      return;
  }
}

Result<std::optional<Event>> LibvirtMachine::next_event(Clock::time_point until, std::stop_token stop) {
  loop_->run(until, stop, [&] { return !events_.empty() || closed_; });
  if (!events_.empty()) {
    Event event = std::move(events_.front());
    events_.pop_front();
    return event;
  }
  if (closed_) {
    return std::unexpected(make_error(ErrorKind::io, "the connection to libvirt is lost")
                               .in(name_)
                               .advise("the guest and its job go on; run the same command again"));
  }
  return std::nullopt;
}

}  // namespace qchain::live
