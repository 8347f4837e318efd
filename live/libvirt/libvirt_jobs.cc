#include "live/libvirt/domain_xml.h"
#include "live/libvirt/libvirt_machine.h"

namespace qchain::live {

bool is_commit(int type) noexcept {
  return type == VIR_DOMAIN_BLOCK_JOB_TYPE_COMMIT || type == VIR_DOMAIN_BLOCK_JOB_TYPE_ACTIVE_COMMIT;
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

}  // namespace qchain::live
