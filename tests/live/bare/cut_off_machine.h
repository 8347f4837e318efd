#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "live/machine.h"

namespace qchain::test {

/// What a test throws out of a call to end a run on the spot, without an error that it could still act upon.
struct Killed {};

/// A machine that can be taken away at any call, as if qchain had been killed there, and that a test can look into.
class CutOffMachine final : public live::Machine {
 public:
  static constexpr std::size_t never = SIZE_MAX;

  /// After `calls` calls every further one fails, without reaching the machine.
  explicit CutOffMachine(std::unique_ptr<live::Machine> machine, std::size_t calls = never)
      : machine_(std::move(machine)), calls_(calls) {}

  /// Called when all is in the base and nothing is compared yet.
  std::function<void()> before_flush = [] {};
  /// As libvirt's jobs are: none waits before finalize().
  bool finalizes_by_itself = false;
  /// Called when base and guest are in step.
  std::function<void()> before_pivot = [] {};
  /// Called when files are to be closed.
  std::function<void()> before_close = [] {};
  /// From now on.
  void cut_off() noexcept { calls_ = 0; }
  void disconnect() { machine_.reset(); }
  [[nodiscard]] bool was_cut_off() const noexcept { return was_cut_off_; }

  [[nodiscard]] std::string name() const override { return machine_->name(); }
  [[nodiscard]] live::Abilities abilities() const override {
    return finalizes_by_itself ? live::Abilities{} : machine_->abilities();
  }
  [[nodiscard]] pid_t pid() const override { return machine_->pid(); }
  [[nodiscard]] std::string handle_of(const live::Disk& disk) const override { return machine_->handle_of(disk); }
  [[nodiscard]] Result<std::vector<live::Disk>> disks() override {
    return reached([&] { return machine_->disks(); });
  }
  [[nodiscard]] Result<std::string> start_commit(const live::Disk& disk, const live::CommitJob& job) override {
    return reached([&] { return machine_->start_commit(disk, job); });
  }
  [[nodiscard]] Result<std::optional<live::JobState>> job(const std::string& handle) override {
    return reached([&] { return job_in_machine(handle); });
  }
  [[nodiscard]] Result<std::optional<live::Event>> next_event(live::Clock::time_point until,
                                                              std::stop_token stop) override {
    return machine_->next_event(until, std::move(stop));
  }
  [[nodiscard]] Result<void> finalize(const std::string& handle) override {
    return reached([&] { return machine_->finalize(handle); });
  }
  [[nodiscard]] Result<void> pivot(const std::string& handle) override {
    before_pivot();
    return reached([&] { return machine_->pivot(handle); });
  }
  [[nodiscard]] Result<void> leave(const std::string& handle) override {
    return reached([&] { return machine_->leave(handle); });
  }
  [[nodiscard]] Result<void> cancel(const std::string& handle) override {
    return reached([&] { return machine_->cancel(handle); });
  }
  [[nodiscard]] Result<void> dismiss(const std::string& handle) override {
    return reached([&] { return machine_->dismiss(handle); });
  }
  [[nodiscard]] Result<void> set_speed(const std::string& handle, std::uint64_t bytes_per_second) override {
    return reached([&] { return machine_->set_speed(handle, bytes_per_second); });
  }
  [[nodiscard]] Result<void> snapshot(const live::Disk& disk, const std::string& file) override {
    return reached([&] { return machine_->snapshot(disk, file); });
  }
  [[nodiscard]] Result<void> flush(const live::DiskLayer& layer) override {
    before_flush();
    return reached([&] { return machine_->flush(layer); });
  }
  [[nodiscard]] Result<void> can_switch_backing(const live::Disk& disk, std::size_t base,
                                                std::optional<std::size_t> above) override {
    return reached([&] { return machine_->can_switch_backing(disk, base, above); });
  }
  [[nodiscard]] Result<void> switch_backing(const live::Disk& disk, const live::BackingSwitch& how) override {
    return reached([&] { return machine_->switch_backing(disk, how); });
  }
  [[nodiscard]] Result<void> close(const std::vector<std::string>& files) override {
    before_close();
    return reached([&] { return machine_->close(files); });
  }

 private:
  [[nodiscard]] Result<std::optional<live::JobState>> job_in_machine(const std::string& handle) {
    auto state = QC_TRY(machine_->job(handle));
    if (finalizes_by_itself && state && state->phase == live::Phase::pending) {
      QC_TRY(machine_->finalize(handle));
      state->phase = live::Phase::running;
    }
    return state;
  }

  template <typename Call>
  std::invoke_result_t<Call> reached(Call call) {
    if (calls_ == 0) {
      was_cut_off_ = true;
      return fail(ErrorKind::io, "cut off by the test");
    }
    calls_ -= calls_ == never ? 0 : 1;
    return call();
  }

  std::unique_ptr<live::Machine> machine_;
  std::size_t calls_;
  bool was_cut_off_ = false;
};

}  // namespace qchain::test
