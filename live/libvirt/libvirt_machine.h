#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "live/libvirt/connection.h"
#include "live/libvirt/event_loop.h"
#include "live/machine.h"

namespace qchain::live {

/// By libvirt's number of the kind of a block job.
[[nodiscard]] bool is_commit(int type) noexcept;

/// A running domain of libvirt, which open_domain() makes. Not thread-safe.
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
  [[nodiscard]] Result<void> can_switch_backing(const Disk& disk, std::size_t base,
                                                std::optional<std::size_t> above) override;
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
  /// Of the disks with jobs, in guest bytes: a job that is done has done all.
  std::map<std::string, std::uint64_t> sizes_;
  bool closed_ = false;  ///< the connection
};

}  // namespace qchain::live
