#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <deque>
#include <map>
#include <set>

#include "live/libvirt/connection.h"
#include "live/libvirt/domain_xml.h"
#include "live/libvirt/event_loop.h"
#include "live/libvirt/library.h"
#include "live/libvirt/open.h"
#include "qcow/storage/unique_fd.h"

namespace qchain::live {
namespace {

struct FreeText {
  void operator()(char* text) const noexcept { std::free(text); }
};

bool is_commit(int type) {
  return type == VIR_DOMAIN_BLOCK_JOB_TYPE_COMMIT || type == VIR_DOMAIN_BLOCK_JOB_TYPE_ACTIVE_COMMIT;
}

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

class LibvirtMachine final : public Machine {
 public:
  LibvirtMachine(std::string name, std::unique_ptr<EventLoop> loop, Connection connection, DomainHandle domain)
      : name_(std::move(name)),
        loop_(std::move(loop)),
        connection_(std::move(connection)),
        domain_(std::move(domain)) {}
  LibvirtMachine(const LibvirtMachine&) = delete;
  LibvirtMachine& operator=(const LibvirtMachine&) = delete;
  ~LibvirtMachine() override;

  /// Hears events from then on.
  [[nodiscard]] Result<void> listen();

  [[nodiscard]] std::string name() const override { return name_; }
  [[nodiscard]] Abilities abilities() const override { return {}; }
  [[nodiscard]] pid_t pid() const override { return 0; }
  [[nodiscard]] Result<std::vector<Disk>> disks() override;
  [[nodiscard]] Result<std::string> start_commit(const Disk& disk, const CommitJob& job) override;
  [[nodiscard]] std::string handle_of(const Disk& disk) const override { return disk.device; }
  [[nodiscard]] Result<std::optional<JobState>> job(const std::string& handle) override;
  [[nodiscard]] Result<std::optional<Event>> next_event(Clock::time_point until, std::stop_token stop) override;
  [[nodiscard]] Result<void> finalize(const std::string& handle) override;
  [[nodiscard]] Result<void> pivot(const std::string& handle) override;
  [[nodiscard]] Result<void> leave(const std::string& handle) override;
  [[nodiscard]] Result<void> cancel(const std::string& handle) override;
  [[nodiscard]] Result<void> dismiss(const std::string& handle) override;
  [[nodiscard]] Result<void> set_speed(const std::string& handle, std::uint64_t bytes_per_second) override;
  [[nodiscard]] Result<void> snapshot(const Disk& disk, const std::string& file) override;
  [[nodiscard]] Result<void> flush(const DiskLayer& layer) override;
  [[nodiscard]] Result<void> can_switch_backing(const Disk& disk, std::size_t base, std::size_t above) override;
  [[nodiscard]] Result<void> switch_backing(const Disk& disk, const BackingSwitch& how) override;
  [[nodiscard]] Result<void> close(const std::vector<std::string>& files) override;

 private:
  [[nodiscard]] Error failed(std::string_view what) const { return libvirt_error(what).in(name_); }
  [[nodiscard]] Result<std::string> xml();
  [[nodiscard]] Result<void> abort(const std::string& handle, unsigned flags, std::string_view what);
  [[nodiscard]] Result<void> hear(int id, virConnectDomainEventGenericCallback callback);
  static void on_close(virConnectPtr, int, void* self) { static_cast<LibvirtMachine*>(self)->closed_ = true; }
  [[nodiscard]] Result<std::optional<virDomainBlockJobInfo>> job_on(const std::string& disk);
  [[nodiscard]] std::optional<JobState> end_of(const std::string& handle);
  void note_job(const std::string& disk, int status);
  void note_life(int event);

  std::string name_;
  std::unique_ptr<EventLoop> loop_;
  Connection connection_;
  DomainHandle domain_;
  std::vector<int> callbacks_;
  std::deque<Event> events_;
  std::map<std::string, JobState> over_;  ///< jobs whose end was heard and that are not dismissed
  std::set<std::string> seen_;            ///< jobs that ran in the time of this object, and were not dismissed
  std::set<std::string> left_;            ///< jobs that were told to end without a pivot
  std::map<std::string, std::uint64_t>
      sizes_;            ///< of the disks with jobs, in guest bytes: a job that is done has done all
  bool closed_ = false;  ///< the connection
};

LibvirtMachine::~LibvirtMachine() {
  loop_->while_turning([this] {
    for (const int callback : callbacks_) {
      ::virConnectDomainEventDeregisterAny(connection_.get(), callback);
    }
    ::virConnectUnregisterCloseCallback(connection_.get(), on_close);
    domain_.reset();
    connection_.reset();
  });
}

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

Result<std::string> LibvirtMachine::xml() {
  const std::unique_ptr<char, FreeText> text(
      loop_->while_turning([&] { return ::virDomainGetXMLDesc(domain_.get(), 0); }));
  if (!text) {
    return std::unexpected(failed("cannot read the domain's description"));
  }
  return std::string(text.get());
}

Result<std::vector<Disk>> LibvirtMachine::disks() {
  const std::string text = QC_TRY(xml());
  auto disks = QC_TRY_IN(name_, disks_of(text));
  for (Disk& disk : disks) {
    if (!disk.job && QC_TRY(job_on(disk.device))) {
      disk.job = disk.device;
    }
  }
  return disks;
}

Result<std::string> LibvirtMachine::start_commit(const Disk& disk, const CommitJob& job) {
  const bool active = job.top + 1 == disk.layers.size();
  unsigned flags = VIR_DOMAIN_BLOCK_COMMIT_BANDWIDTH_BYTES;
  if (active) {
    flags |= VIR_DOMAIN_BLOCK_COMMIT_ACTIVE;
  } else if (!job.backing_name.starts_with('/')) {
    flags |= VIR_DOMAIN_BLOCK_COMMIT_RELATIVE;
  }
  virDomainBlockInfo size{};
  if (loop_->while_turning([&] { return ::virDomainGetBlockInfo(domain_.get(), disk.device.c_str(), &size, 0); }) ==
      0) {
    sizes_[disk.device] = size.capacity;
  }
  const std::string& base = disk.layers[job.base].node;
  const std::string& top = disk.layers[job.top].node;
  const int begun = loop_->while_turning([&] {
    return ::virDomainBlockCommit(domain_.get(), disk.device.c_str(), base.c_str(), active ? nullptr : top.c_str(),
                                  job.bytes_per_second, flags);
  });
  if (begun != 0) {
    return std::unexpected(failed("cannot begin the commit"));
  }
  over_.erase(disk.device);
  left_.erase(disk.device);
  seen_.insert(disk.device);
  return handle_of(disk);
}

Result<std::optional<JobState>> LibvirtMachine::job(const std::string& handle) {
  if (const auto over = over_.find(handle); over != over_.end()) {
    return over->second;
  }
  const auto info = QC_TRY(job_on(handle));
  if (!info || !is_commit(info->type)) {  // what others do with the disk is no job of ours, to be taken up or ended
    return end_of(handle);
  }
  seen_.insert(handle);
  const bool ready = info->type == VIR_DOMAIN_BLOCK_JOB_TYPE_ACTIVE_COMMIT && is_ready(QC_TRY(xml()), handle);
  return JobState{.job = handle,
                  .phase = ready ? Phase::ready : Phase::running,
                  .done = info->cur,
                  .total = info->end,
                  .reason = {}};
}

/// Whatever job libvirt knows of on the disk.
Result<std::optional<virDomainBlockJobInfo>> LibvirtMachine::job_on(const std::string& disk) {
  virDomainBlockJobInfo info{};
  const int found = loop_->while_turning([&] {
    return ::virDomainGetBlockJobInfo(domain_.get(), disk.c_str(), &info, VIR_DOMAIN_BLOCK_JOB_INFO_BANDWIDTH_BYTES);
  });
  if (found < 0) {
    return std::unexpected(failed("cannot ask for the job"));
  }
  return found == 0 ? std::nullopt : std::optional(info);
}

/// Libvirt forgets a job before it tells of its end.
std::optional<JobState> LibvirtMachine::end_of(const std::string& handle) {
  constexpr std::chrono::seconds delay{10};
  if (seen_.contains(handle)) {
    loop_->run(Clock::now() + delay, {}, [&] { return over_.contains(handle) || closed_; });
  }
  const auto over = over_.find(handle);
  return over == over_.end() ? std::nullopt : std::optional(over->second);
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

Result<void> LibvirtMachine::abort(const std::string& handle, unsigned flags, std::string_view what) {
  // Without ASYNC it would wait for the end inside the call, and no event could be heard meanwhile.
  const int aborted = loop_->while_turning([&] {
    return ::virDomainBlockJobAbort(domain_.get(), handle.c_str(), flags | VIR_DOMAIN_BLOCK_JOB_ABORT_ASYNC);
  });
  if (aborted != 0) {
    return std::unexpected(failed(what));
  }
  return {};
}

Result<void> LibvirtMachine::finalize(const std::string&) {
  return std::unexpected(make_error(ErrorKind::unsupported, "libvirt holds no job before its end").in(name_));
}

Result<void> LibvirtMachine::pivot(const std::string& handle) {
  return abort(handle, VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT, "cannot pivot");
}

Result<void> LibvirtMachine::leave(const std::string& handle) {
  left_.insert(handle);
  return abort(handle, 0, "cannot end the job");
}

Result<void> LibvirtMachine::cancel(const std::string& handle) {
  return abort(handle, 0, "cannot cancel the job");
}

Result<void> LibvirtMachine::dismiss(const std::string& handle) {
  over_.erase(handle);  // libvirt dismisses QEMU's own job by itself
  left_.erase(handle);
  seen_.erase(handle);
  return {};
}

Result<void> LibvirtMachine::set_speed(const std::string& handle, std::uint64_t bytes_per_second) {
  const int set = loop_->while_turning([&] {
    return ::virDomainBlockJobSetSpeed(domain_.get(), handle.c_str(), bytes_per_second,
                                       VIR_DOMAIN_BLOCK_JOB_SPEED_BANDWIDTH_BYTES);
  });
  if (set != 0) {
    return std::unexpected(failed("cannot change the job's speed"));
  }
  return {};
}

Result<void> LibvirtMachine::snapshot(const Disk& disk, const std::string& file) {
  const std::string domain = QC_TRY(xml());
  const std::string description = QC_TRY_IN(name_, snapshot_xml(domain, disk, file));
  constexpr unsigned flags = VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY | VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA |
                             VIR_DOMAIN_SNAPSHOT_CREATE_REUSE_EXT;
  virDomainSnapshot* const made =
      loop_->while_turning([&] { return ::virDomainSnapshotCreateXML(domain_.get(), description.c_str(), flags); });
  if (made == nullptr) {
    return std::unexpected(failed("cannot make the snapshot"));
  }
  ::virDomainSnapshotFree(made);
  return {};
}

/// QEMU writes what it keeps of an image in memory as it reopens it read-only, which it does as a commit into it ends;
/// the file is left to be synced.
Result<void> LibvirtMachine::flush(const DiskLayer& layer) {
  const UniqueFd file(::open(layer.file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid() || ::fdatasync(file.get()) != 0) {
    return fail_errno(errno, "cannot flush", layer.file);
  }
  return {};
}

Result<void> LibvirtMachine::can_switch_backing(const Disk& disk, std::size_t, std::size_t) {
  return std::unexpected(
      make_error(ErrorKind::unsupported, "libvirt has no way to put another base below a running disk").in(disk.name));
}

Result<void> LibvirtMachine::switch_backing(const Disk& disk, const BackingSwitch& how) {
  return can_switch_backing(disk, how.base, how.above);
}

Result<void> LibvirtMachine::close(const std::vector<std::string>&) {
  return {};  // libvirt closes by itself what it has merged
}

struct FoundDomain {
  Connection connection;
  DomainHandle domain;
  std::string name;  ///< for messages
};

Result<FoundDomain> find_domain(Connection connection, const std::string& uri, const std::string& domain) {
  const std::unique_ptr<char, FreeText> full(::virConnectGetURI(connection.get()));
  std::string name = fmt::format("{} {}", full ? full.get() : uri, domain);
  DomainHandle handle(::virDomainLookupByName(connection.get(), domain.c_str()));
  if (!handle && ::virGetLastErrorCode() != VIR_ERR_NO_DOMAIN) {
    return std::unexpected(libvirt_error("cannot look for the domain").in(name));
  }
  if (!handle) {
    return std::unexpected(make_error(ErrorKind::not_found, fmt::format("no domain '{}'", domain))
                               .in(uri)
                               .advise("virsh list shows those that run"));
  }
  if (::virDomainIsActive(handle.get()) != 1) {
    return std::unexpected(make_error(ErrorKind::refused, "the domain is not running")
                               .in(name)
                               .advise("commit its images offline: qchain commit IMAGE"));
  }
  return FoundDomain{.connection = std::move(connection), .domain = std::move(handle), .name = std::move(name)};
}

}  // namespace

Result<std::unique_ptr<Machine>> open_domain(const std::string& uri, const std::string& domain,
                                             std::chrono::milliseconds limit) {
  QC_TRY(load_libvirt());
  auto loop = std::make_unique<EventLoop>();
  Connection connection = QC_TRY(connect(uri, limit));
  FoundDomain found = QC_TRY(loop->while_turning([&] { return find_domain(std::move(connection), uri, domain); }));
  auto machine = std::make_unique<LibvirtMachine>(std::move(found.name), std::move(loop), std::move(found.connection),
                                                  std::move(found.domain));
  QC_TRY(machine->listen());
  return machine;
}

}  // namespace qchain::live
